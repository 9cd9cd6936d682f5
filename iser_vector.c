// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: which completion vector of a device a connection uses.
 *
 * A new connection gets the vector that the fewest use. Its place becomes its
 * session's when it is bound, and is kept for the session while that is without a
 * connection: the next one to the same portal takes it. So sessions stay evenly
 * spread, and each where it was, whatever discoveries and failures there are.
 *
 * When a connection is made nobody knows yet whose it will be. If several
 * sessions with the same portal are without one, it may take another's place;
 * bind then lets the two change places.
 */
#include <linux/cpumask.h>
#include <linux/slab.h>

#include "iscsi_iser.h"

/* A place at a vector: a connection's, a session's, or both. */
struct iser_vector {
	struct list_head	entry;		/* iser_vectors */
	const struct ib_device	*ibdev;		/* compared only: may be gone */
	u32			number;
	struct sockaddr_storage	portal;
	bool			in_use;		/* by a connection */
	struct iser_binding	*binding;	/* the session that keeps it, or NULL */
};

static DEFINE_SPINLOCK(iser_vectors_lock); /* for the list, and for who has which */
static LIST_HEAD(iser_vectors);

static struct iser_vector *iser_vector_kept(struct iser_conn *conn)
{
	struct iser_vector *vector;

	list_for_each_entry(vector, &iser_vectors, entry)
		if (!vector->in_use && vector->ibdev == conn->ibdev &&
		    !memcmp(&vector->portal, &conn->portal, sizeof(conn->portal)))
			return vector;
	return NULL;
}

static u32 iser_vector_least_used(struct ib_device *ibdev)
{
	/* The pool folds larger numbers, which would load the first ones twice. */
	u32 count = min_t(u32, ibdev->num_comp_vectors, num_online_cpus());
	u32 number, users, best = 0, least = U32_MAX;
	struct iser_vector *vector;

	for (number = 0; number < count; number++) {
		users = 0;
		list_for_each_entry(vector, &iser_vectors, entry)
			if (vector->ibdev == ibdev && vector->number == number)
				users++;
		if (users < least) {
			least = users;
			best = number;
		}
	}
	return best;
}

static void iser_vector_free_unused(struct iser_vector *vector)
{
	if (vector->in_use || vector->binding)
		return;
	list_del(&vector->entry);
	kfree(vector);
}

/**
 * iser_vector_take - choose a completion vector
 * @conn: connection with a device, which has none yet
 *
 * Context: process; undone by iser_vector_release().
 * Return: its number, for ib_cq_pool_get(); or -ENOMEM.
 */
int iser_vector_take(struct iser_conn *conn)
{
	struct iser_vector *fresh, *vector;
	u32 number;

	fresh = kzalloc_obj(*fresh, GFP_NOIO);
	if (!fresh)
		return -ENOMEM;
	fresh->ibdev = conn->ibdev;
	fresh->portal = conn->portal;
	spin_lock(&iser_vectors_lock);
	vector = iser_vector_kept(conn);
	if (!vector) {
		vector = fresh;
		fresh = NULL;
		vector->number = iser_vector_least_used(conn->ibdev);
		list_add_tail(&vector->entry, &iser_vectors);
	}
	vector->in_use = true;
	conn->vector = vector;
	number = vector->number;
	spin_unlock(&iser_vectors_lock);
	kfree(fresh);
	return number;
}

/**
 * iser_vector_bind - let a session keep its connection's place
 * @conn: connection that is bound, and perhaps on its way down again
 * @binding: of the session
 *
 * Context: process; bind_conn.
 */
void iser_vector_bind(struct iser_conn *conn, struct iser_binding *binding)
{
	struct iser_vector *vector, *former;
	struct iser_binding *other;

	spin_lock(&iser_vectors_lock);
	vector = conn->vector;
	former = binding->vector;
	if (!vector || vector == former)
		goto out_unlock;
	other = vector->binding;
	if (other)
		other->vector = former;
	vector->binding = binding;
	binding->vector = vector;
	if (former) {
		former->binding = other;
		iser_vector_free_unused(former);
	}
out_unlock:
	spin_unlock(&iser_vectors_lock);
}

/**
 * iser_vector_release - a connection needs its vector no longer
 * @conn: that is being taken down; may have none
 *
 * Context: process.
 */
void iser_vector_release(struct iser_conn *conn)
{
	struct iser_vector *vector;

	spin_lock(&iser_vectors_lock);
	vector = conn->vector;
	conn->vector = NULL;
	if (vector) {
		vector->in_use = false;
		iser_vector_free_unused(vector);
	}
	spin_unlock(&iser_vectors_lock);
}

/**
 * iser_vector_forget - nobody comes back to a session's place
 * @binding: of a session that ends
 *
 * Context: process; destroy_conn.
 */
void iser_vector_forget(struct iser_binding *binding)
{
	struct iser_vector *vector;

	spin_lock(&iser_vectors_lock);
	vector = binding->vector;
	binding->vector = NULL;
	if (vector) {
		vector->binding = NULL;
		iser_vector_free_unused(vector);
	}
	spin_unlock(&iser_vectors_lock);
}
