// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: T10 protection information (PI), with pi_enable.
 *
 * The HCA makes, checks, inserts or strips eight bytes of protection for each
 * sector while it moves the data. For that a protected command is registered with
 * an MR of its own kind, which the slot has beside the ordinary one; what the HCA
 * has found is asked for when the response has come, and once before the MR is
 * used again. Such sessions send no immediate and no unsolicited data: only what
 * the target fetches or places goes through the MR.
 */
#include <linux/t10-pi.h>

#include "iscsi_iser.h"
#include "iser_trace.h"

/**
 * iser_pi_query_device - what protection a device can give
 * @device: new; its mr_pages may become less
 *
 * Advertises what the device can do with the guard that was asked for, in memory;
 * on the wire it is CRC. A medium of type 2 wants CDBs of 32 bytes, and this module
 * sends none longer than 16.
 */
void iser_pi_query_device(struct iser_device *device)
{
	const struct ib_device_attr *attrs = &device->ibdev->attrs;
	int guards = IB_GUARD_T10DIF_CRC | (iser_pi_guard ? IB_GUARD_T10DIF_CSUM : 0);

	if (!iser_pi_enable || !(attrs->kernel_cap_flags & IBK_INTEGRITY_HANDOVER) ||
	    attrs->max_pi_fast_reg_page_list_len < 2 ||
	    (attrs->sig_guard_cap & guards) != guards)
		return;
	/* Memory alone may have it, too, whatever the medium: as in type 1. */
	if (attrs->sig_prot_cap & IB_PROT_T10DIF_TYPE_1)
		device->prot_caps |= SHOST_DIF_TYPE1_PROTECTION |
				     SHOST_DIX_TYPE0_PROTECTION |
				     SHOST_DIX_TYPE1_PROTECTION;
	if (attrs->sig_prot_cap & IB_PROT_T10DIF_TYPE_3)
		device->prot_caps |= SHOST_DIF_TYPE3_PROTECTION | SHOST_DIX_TYPE3_PROTECTION;
	if (!device->prot_caps)
		return;
	device->prot_guard = iser_pi_guard ? SHOST_DIX_GUARD_IP : SHOST_DIX_GUARD_CRC;
	device->mr_pages = min(device->mr_pages, attrs->max_pi_fast_reg_page_list_len);
}

/**
 * iser_pi_limit_host - promise SCSI the device's protection
 * @shost: new, its other limits set
 * @device: of its session's first connection
 *
 * Context: process; create_session, one at a time.
 */
void iser_pi_limit_host(struct Scsi_Host *shost, struct iser_device *device)
{
	if (device->prot_caps) {
		shost->sg_prot_tablesize = shost->sg_tablesize;
		scsi_host_set_prot(shost, device->prot_caps);
		scsi_host_set_guard(shost, device->prot_guard);
	} else if (iser_pi_enable && !device->pi_lack_logged) {
		device->pi_lack_logged = true;
		ibdev_info(device->ibdev,
			   "iSER: pi_enable: no T10 protection information with this device, going on without\n");
	}
}

/**
 * iser_pi_fits - does a device give what a host has promised?
 * @shost: of a session that is being bound
 * @device: of its new connection
 *
 * Return: whether it does.
 */
bool iser_pi_fits(struct Scsi_Host *shost, struct iser_device *device)
{
	unsigned int promised = scsi_host_get_prot(shost);

	return !promised || (!(promised & ~device->prot_caps) &&
			     scsi_host_get_guard(shost) == device->prot_guard);
}

static void iser_pi_set_domain(struct ib_sig_domain *domain, struct scsi_cmnd *sc,
			       enum ib_t10_dif_bg_type guard)
{
	domain->sig_type = IB_SIG_TYPE_T10_DIF;
	domain->sig.dif.bg_type = guard;
	domain->sig.dif.pi_interval = scsi_prot_interval(sc);
	domain->sig.dif.ref_tag = scsi_prot_ref_tag(sc);
	domain->sig.dif.ref_remap = sc->prot_flags & SCSI_PROT_REF_INCREMENT;
	/* All ones in the tags switch the checks of a sector off (SBC-4, 4.21). */
	domain->sig.dif.apptag_check_mask = 0xffff;
	domain->sig.dif.app_escape = true;
	domain->sig.dif.ref_escape = scsi_get_prot_type(sc) == SCSI_PROT_DIF_TYPE3;
}

/* Where there is protection information: on the wire, in this memory, or both. */
static void iser_pi_set_attrs(struct ib_sig_attrs *attrs, struct scsi_cmnd *sc)
{
	enum ib_t10_dif_bg_type guard = sc->prot_flags & SCSI_PROT_IP_CHECKSUM ?
					IB_T10DIF_CSUM : IB_T10DIF_CRC;
	unsigned char op = scsi_get_prot_op(sc);

	memset(attrs, 0, sizeof(*attrs));
	attrs->mem.sig_type = IB_SIG_TYPE_NONE;
	attrs->wire.sig_type = IB_SIG_TYPE_NONE;
	if (op != SCSI_PROT_READ_STRIP && op != SCSI_PROT_WRITE_INSERT)
		iser_pi_set_domain(&attrs->mem, sc, guard);
	if (op != SCSI_PROT_READ_INSERT && op != SCSI_PROT_WRITE_STRIP)
		iser_pi_set_domain(&attrs->wire, sc, IB_T10DIF_CRC);
	if (sc->prot_flags & SCSI_PROT_GUARD_CHECK)
		attrs->check_mask |= IB_SIG_CHECK_GUARD;
	if (sc->prot_flags & SCSI_PROT_REF_CHECK)
		attrs->check_mask |= IB_SIG_CHECK_REFTAG;
}

static int iser_pi_status(struct iser_io *io, struct ib_mr_status *status)
{
	int err;

	err = ib_check_mr_status(io->pi_mr, IB_MR_CHECK_SIG_STATUS, status);
	if (!err)
		io->pi_unchecked = false;
	return err;
}

/**
 * iser_pi_register - prepare the registration of a protected command's data
 * @io: slot with mapped data, its MR's last registration dead
 * @access: remote rights
 *
 * Context: init_task, frwd_lock held.
 * Return: 0; -EINVAL or -EOPNOTSUPP if the MR cannot describe the data and never
 * will; else what the device said.
 */
int iser_pi_register(struct iser_io *io, int access)
{
	struct ib_mr *mr = io->pi_mr;
	struct ib_mr_status status;
	int err;

	if (!mr)
		return -EOPNOTSUPP;
	/* Nobody asked how an aborted command went; until then the MR takes no other. */
	err = io->pi_unchecked ? iser_pi_status(io, &status) : 0;
	if (err)
		return err;
	/* First, for the mapping adds to them. */
	iser_pi_set_attrs(mr->sig_attrs, io->task->sc);
	err = ib_map_mr_sg_pi(mr, io->sg, io->dma_count, NULL, io->prot_sg,
			      io->prot_sg ? io->prot_dma_count : 0, NULL,
			      ISER_MR_PAGE_SIZE);
	if (err)
		return err < 0 ? err : -EINVAL;
	ib_update_fast_reg_key(mr, ib_inc_rkey(mr->rkey));
	io->pi_unchecked = true;
	io->altered = true;
	io->reg_wr.wr.opcode = IB_WR_REG_MR_INTEGRITY;
	io->reg_wr.mr = mr;
	io->reg_wr.key = mr->rkey;
	/* The HCA itself writes what it inserts or strips. */
	io->reg_wr.access = access | IB_ACCESS_LOCAL_WRITE;
	trace_iser_mr_register(io);
	return 0;
}

/**
 * iser_pi_check_protection - callback: what the HCA found about a command's data
 * @task: protected command whose response has come
 * @sector: set to the first bad one if there is one
 *
 * Context: back_lock held.
 * Return: 0, or the additional sense code qualifier: 1 guard, 2 application tag,
 * 3 reference tag.
 */
u8 iser_pi_check_protection(struct iscsi_task *task, sector_t *sector)
{
	struct iser_io *io = iser_task_io(task);
	struct scsi_cmnd *sc = task->sc;
	struct ib_mr_status status;
	u64 offset;

	if (!io->pi_unchecked)
		return 0;
	*sector = scsi_get_lba(sc);
	/* Data of unknown integrity is bad data. */
	if (iser_pi_status(io, &status))
		return 1;
	if (!(status.fail_status & IB_MR_CHECK_SIG_STATUS))
		return 0;
	/* The offset counts sectors with their eight bytes of protection. */
	offset = status.sig_err.sig_err_offset;
	do_div(offset, scsi_prot_interval(sc) + sizeof(struct t10_pi_tuple));
	*sector += offset;
	switch (status.sig_err.err_type) {
	case IB_SIG_BAD_REFTAG:
		return 3;
	case IB_SIG_BAD_APPTAG:
		return 2;
	default:
		return 1;
	}
}
