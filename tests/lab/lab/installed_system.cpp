// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/installed_system.h"

#include "lab/error.h"
#include "lab/lab.h"
#include "lab/module.h"
#include "lab/process.h"
#include "lab/target.h"

namespace lab {

namespace fs = std::filesystem;

static constexpr const char *kDiskSize = "6G";
// dracut's modules without its package, which would take initramfs-tools' place.
static constexpr const char *kPackages = "dkms openssl initramfs-tools zstd systemd-sysv multipath-tools-boot "
					 "dracut-core dracut-network";

fs::path build_package()
{
	// Of no other version.
	run_process({"sh", "-c", "rm -f ib-iser-dkms_*.deb && make -s deb"}, {.directory = checkout()}).checked();
	for (const auto &entry : fs::directory_iterator(checkout())) {
		if (entry.path().extension() == ".deb")
			return entry.path();
	}
	fail("make deb has made no package");
}

CommandResult install_packages(ChangedRoot &root, const std::string &packages)
{
	return root.run("apt-get -q -y --no-install-recommends install " + packages);
}

// Both paths have records, as boot.md says: nothing logs out from the root's sessions. What is missing at boot is given
// up soon by iscsid.
static std::string records()
{
	std::string script = "mkdir -p /run/lock/iscsi\n";

	for (Path path : kPaths) {
		const std::string node =
			fmt::format("iscsiadm -m node -T {} -p {} -I iser -o ", kKeptTarget, portal(path));

		script += node + "new || exit 1\n";
		for (const char *setting : {"node.startup -v onboot", "node.session.initial_login_retry_max -v 1",
					    "'node.conn[0].timeo.login_timeout' -v 5"})
			script += node + "update -n " + setting + " || exit 1\n";
	}
	return script;
}

InstalledSystem::InstalledSystem(const Image &image, const fs::path &directory)
	: root_(image, directory), disk_(directory / "disk.img"), kernel_(image.kernel()), release_(image.release())
{
	root_.output("apt-get -q update");
	install_packages(root_, kPackages).checked();
	fs::copy(source_directory() / "guest/system", root_.changed("."),
		 fs::copy_options::recursive | fs::copy_options::overwrite_existing);
	fs::copy_file(LAB_AGENT, root_.changed("usr/local/sbin/lab-agent"));
	for (const auto &[file, directory] : {std::pair("watchdog.conf", "etc/systemd/system.conf.d"),
					      std::pair("reboot.conf", "etc/systemd/system/reboot.target.d")}) {
		fs::create_directories(root_.changed(directory));
		fs::copy_file(checkout() / "boot" / file, root_.changed(directory) / file);
	}
	fs::copy_file(build_package(), root_.changed("ib-iser-dkms.deb"));
	root_.output(fmt::format(R"(set -e
echo i6300esb >>/etc/initramfs-tools/modules
echo lab >/etc/hostname
echo InitiatorName=iqn.1993-08.org.debian:01:lab >/etc/iscsi/initiatorname.iscsi
systemd-machine-id-setup
systemctl enable lab-agent
systemctl mask getty@tty1 getty-static serial-getty@ttyS0 apt-daily.timer apt-daily-upgrade.timer e2scrub_reap \
	tgt rtslib-fb-targetctl nvmf-autoconnect nvmefc-boot-connections
dpkg -i /ib-iser-dkms.deb
update-initramfs -c -k {0}
dracut --force --no-hostonly --add "multipath ib_iser lab" --force-drivers i6300esb /boot/dracut.img {0})",
				 release_));
	root_.output(records());
	root_.make_disk(disk_, kDiskSize);
}

Startup InstalledSystem::startup(InitramfsMaker maker, const std::string &parameters) const
{
	const std::string initramfs =
		maker == InitramfsMaker::dracut ? "boot/dracut.img" : "boot/initrd.img-" + release_;

	return {.kernel = kernel_, .initramfs = root_.changed(initramfs), .parameters = parameters, .by_itself = true};
}

Startup InstalledSystem::from_disk(InitramfsMaker maker, const std::string &parameters) const
{
	Startup startup = this->startup(maker, "root=/dev/vda rw " + parameters);

	startup.disk = disk_;
	return startup;
}

Startup InstalledSystem::from_iser(InitramfsMaker maker, const std::string &parameters) const
{
	std::string words = fmt::format("root={} rw lab.root rd.neednet=1 rd.iser.target={}", kRoot, kKeptTarget);

	for (Path path : kPaths)
		words += fmt::format(" rd.iser.portal={} ip=10.0.{}.1:::255.255.255.0::eth{}:none", portal(path),
				     static_cast<unsigned>(path) + 1, static_cast<unsigned>(path));
	return startup(maker, words + " " + parameters);
}

} // namespace lab
