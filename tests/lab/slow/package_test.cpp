// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The Debian package: in the guests' file system with kernels that come and go, and after a boot.
#include <regex>

#include "lab/files.h"
#include "lab/installed_system.h"
#include "lab/process.h"
#include "tests/support.h"

namespace lab {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

static constexpr const char *kOurs = "/updates/dkms/", *kKernels = "/kernel/";

// Before the package, with an initramfs, as most machines have one.
static ChangedRoot prepared_root(const Image &image, const std::string &name)
{
	ChangedRoot root(image, fs::path(LAB_RUN_DIR) / "package" / name);

	root.output("apt-get -q update");
	install_packages(root, "dkms initramfs-tools openssl").checked();
	root.output("update-initramfs -c -k " + image.release());
	fs::create_directories(root.changed("package"));
	fs::copy_file(build_package(), root.changed("package/ib-iser-dkms.deb"));
	return root;
}

// "/lib/modules/6.12.1-amd64/updates/dkms/ib_iser.ko.xz"
static std::string module_of(ChangedRoot &root, const std::string &release)
{
	return root.output("modinfo -n -k " + release + " ib_iser");
}

static std::string in_initramfs(ChangedRoot &root, const std::string &release)
{
	return root.output("lsinitramfs /boot/initrd.img-" + release + " | grep '/ib_iser'");
}

TEST(Package, ServesEachKernelThatItCanAndLeavesNoTrace)
{
	const Image image = Image::provide(unchecked(test_options().suite), [](const std::string &) {});
	const std::string &release = image.release();
	// Of the same version, and small.
	const std::string other = std::regex_replace(release, std::regex("-amd64$"), "-cloud-amd64");
	ChangedRoot root = prepared_root(image, "kernels");

	EXPECT_THAT(module_of(root, release), HasSubstr(kKernels));
	root.output("touch /etc/iscsi/iser.boot");
	root.output("dpkg -i /package/ib-iser-dkms.deb");
	EXPECT_THAT(module_of(root, release), HasSubstr(kOurs));
	EXPECT_THAT(in_initramfs(root, release), AllOf(HasSubstr(kOurs), HasSubstr("/lib/ib_iser/login")));
	EXPECT_EQ(root.output("modinfo -F signer -k " + release + " ib_iser"), "DKMS module signing key");

	// Another kernel gets it when it is installed.
	install_packages(root, "linux-image-cloud-amd64 linux-headers-cloud-amd64").checked();
	EXPECT_THAT(module_of(root, other), HasSubstr(kOurs));

	// One that has no RDMA is installed all the same.
	root.output(fmt::format("dkms unbuild ib_iser/$(modinfo -F version -k {0} ib_iser) -k {0} && "
				"cd /lib/modules/{0}/build && "
				"sed -i '/^CONFIG_INFINIBAND_ADDR_TRANS=/d' .config include/config/auto.conf",
				other));
	const CommandResult without = install_packages(root, "--reinstall linux-image-" + other);
	EXPECT_THAT(without, Succeeded());
	EXPECT_THAT(without.both(), HasSubstr("BUILD_EXCLUSIVE"));
	EXPECT_THAT(root.run("test -e /lib/modules/" + other + "/updates/dkms/ib_iser.ko*"), Not(Succeeded()));

	EXPECT_THAT(root.output("lsinitramfs /boot/initrd.img-" + other), HasSubstr("/lib/ib_iser/login"));

	root.output("dpkg -r ib-iser-dkms");
	EXPECT_THAT(module_of(root, release), HasSubstr(kKernels));
	EXPECT_THAT(in_initramfs(root, release),
		    AllOf(HasSubstr(kKernels), Not(HasSubstr(kOurs)), Not(HasSubstr("/lib/ib_iser/"))));
	// It may have no module of its own.
	EXPECT_THAT(root.output("lsinitramfs /boot/initrd.img-" + other),
		    AllOf(Not(HasSubstr("/lib/ib_iser/")), Not(HasSubstr(kOurs))));
}

// RDMA modules that are not the kernel's own: here the kernel's, in another place.
TEST(Package, PassesByAKernelWithOtherRdmaModules)
{
	const Image image = Image::provide(unchecked(test_options().suite), [](const std::string &) {});
	const std::string &release = image.release();
	ChangedRoot root = prepared_root(image, "other-rdma");

	root.output(fmt::format("mkdir -p /lib/modules/{0}/updates && cp $(modinfo -n -k {0} ib_core) "
				"/lib/modules/{0}/updates && depmod {0}",
				release));
	const CommandResult installed = root.run("dpkg -i /package/ib-iser-dkms.deb");

	EXPECT_THAT(installed, Succeeded());
	EXPECT_THAT(installed.both(), HasSubstr("its RDMA modules are not the kernel's own"));
	EXPECT_THAT(module_of(root, release), HasSubstr(kKernels));
	const std::string make = fmt::format("make -C /usr/src/ib_iser-* KDIR=/lib/modules/{}/build ", release);
	EXPECT_THAT(root.run(make), FailsSaying("its RDMA modules are not the kernel's own"));

	// Or will be: MLNX_OFED's of DKMS, which is called later for a new kernel.
	root.output(fmt::format("rm /lib/modules/{0}/updates/ib_core.ko*; depmod {0}; "
				"mkdir /var/lib/dkms/mlnx-ofed-kernel",
				release));
	EXPECT_THAT(root.run(make), FailsSaying("its RDMA modules will not be the kernel's own"));
	const CommandResult passed_by = root.run("dkms autoinstall -k " + release);
	EXPECT_THAT(passed_by, Succeeded());
	EXPECT_THAT(passed_by.both(), HasSubstr("will not be the kernel's own"));
	EXPECT_THAT(module_of(root, release), HasSubstr(kKernels));

	// With the kernel's own it is installed by make, too, and goes again when the headers have gone.
	root.output("rmdir /var/lib/dkms/mlnx-ofed-kernel");
	root.output(make + "install");
	EXPECT_THAT(module_of(root, release), HasSubstr("/updates/ib_iser.ko"));
	root.output(fmt::format("mv $(readlink -f /lib/modules/{}/build) /headers", release));
	root.output(make + "uninstall");
	EXPECT_THAT(module_of(root, release), HasSubstr(kKernels));
}

// What make install and make uninstall ask first.
class Installing : public LabTest {};

TEST_F(Installing, IsRefusedUnderSessions)
{
	initiator().put(read_file(checkout() / "tools/unused"), "/tmp/unused", "755");
	{
		Login login(initiator(), kPlainTarget, portal(Path::A));

		EXPECT_THAT(initiator().run("/tmp/unused $(uname -r)"), FailsSaying("there are sessions over iSER"));
		EXPECT_THAT(initiator().run("/tmp/unused another"), Succeeded());
	}
	EXPECT_THAT(initiator().run("/tmp/unused $(uname -r)"), Succeeded());
}

class InstalledPackage : public LabTest {
protected:
	InstalledPackage() : LabTest(minutes(12)) {}

	void clean_up() override { boot_afterwards(); }

	// What rdma-core has systemd load for an RDMA device; Debian 12's guests have no systemd.
	void load_rdma_modules()
	{
		initiator().output("sed '/^#/d' /etc/rdma/modules/rdma.conf | xargs -n 1 modprobe");
	}

	void boot()
	{
		initiator().output("sync");
		initiator().reset();
		initiator().await_boot();
	}

	bool ours_is_loaded()
	{
		return initiator().run("test -e /sys/module/ib_iser/parameters/port_down_grace_ms").ok();
	}
};

TEST_F(InstalledPackage, IsWhatIsLoadedAfterABootUntilItIsRemoved)
{
	if (lab().image().checked())
		GTEST_SKIP() << "a kernel that is no package has no headers";
	ChangedRoot root = prepared_root(lab().image(), "boot");
	const std::string &release = lab().image().release();

	root.output("dpkg -i /package/ib-iser-dkms.deb");
	const std::string module = module_of(root, release);
	const fs::path own = lab().image().module("ib_iser");

	// The guests' own file has been exchanged for the checkout's.
	initiator().output(fmt::format("cd {} && cp stock {} && mkdir -p {}", own.parent_path().string(),
				       own.filename().string(), fs::path(module).parent_path().string()));
	// /lib is a link to usr/lib.
	initiator().put(read_file(root.changed("usr" / fs::path(module).relative_path())), module);
	initiator().output("depmod");
	EXPECT_EQ(initiator().output("modinfo -n ib_iser"), module);
	boot();
	load_rdma_modules();
	EXPECT_TRUE(ours_is_loaded());

	// What Secure Boot asks for, without any key that the kernel knows.
	initiator().output("modprobe -r ib_iser; echo 1 >/sys/module/module/parameters/sig_enforce");
	EXPECT_THAT(initiator().run("modprobe ib_iser"), FailsSaying("Key was rejected by service"));
	EXPECT_THAT(initiator().output("dmesg"), HasSubstr("module with unavailable key is rejected"));

	initiator().output("rm " + module + "; depmod");
	EXPECT_EQ(initiator().output("modinfo -n ib_iser"), own);
	boot();
	load_rdma_modules();
	EXPECT_TRUE(initiator().run("test -e /sys/module/ib_iser").ok());
	EXPECT_FALSE(ours_is_loaded());
}

} // namespace lab
