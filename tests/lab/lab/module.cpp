// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/module.h"

#include <cstring>
#include <sstream>

#include "lab/error.h"
#include "lab/files.h"
#include "lab/process.h"

namespace lab {

namespace fs = std::filesystem;

static constexpr const char *kSources = "usr/src"; // below the guests' root
static constexpr const char *kBuildId = "Build ID: ";

fs::path checkout()
{
	return source_directory().parent_path().parent_path();
}

ModuleKind module_kind(const std::string &name)
{
	for (ModuleKind kind : {ModuleKind::none, ModuleKind::ours, ModuleKind::stock}) {
		if (name == to_string(kind))
			return kind;
	}
	fail("no such module: {}", name);
}

const char *to_string(ModuleKind kind)
{
	switch (kind) {
	case ModuleKind::none:
		return "none";
	case ModuleKind::ours:
		return "ours";
	case ModuleKind::stock:
		return "stock";
	}
	return "?";
}

static bool is_module_source(const fs::path &path)
{
	const std::string name = path.filename(), extension = path.extension();

	return extension == ".c" || extension == ".h" || name == "Kbuild" || name == "Kconfig";
}

// Copies and makes what lies in `source`, and says where in the guests' root.
static fs::path make(const Image &image, const fs::path &source, const std::string &name,
		     const std::string &arguments, CommandResult &result)
{
	const fs::path below = fs::path(kSources) / name;
	fs::path directory = image.root() / below;

	fs::remove_all(directory);
	fs::create_directories(directory);
	for (const auto &entry : fs::directory_iterator(source)) {
		if (entry.is_regular_file() && is_module_source(entry.path()))
			fs::copy_file(entry.path(), directory / entry.path().filename());
	}
	// 7.3's objtool reads its limits from /proc. The mount ends with the command.
	result = run_process({"unshare", "--mount", "sh", "-c",
			      R"(mount -t proc proc "$1/proc" && exec chroot "$1" sh -c "$2")", "sh", image.root(),
			      fmt::format("make -j4 -C /lib/modules/{}/build M=/{} {} modules 2>&1",
					  image.release(), below.string(), arguments)});
	return directory;
}

ModuleBuild build_module(const Image &image, const std::string &arguments)
{
	const FileLock lock(image.root().string() + ".build.lock");
	ModuleBuild build;
	const fs::path file =
		make(image, checkout(), "ib_iser", arguments, build.result) / "ib_iser.ko";

	if (!build.result.ok())
		return build;
	run_process({"strip", "--strip-debug", file}).checked();
	build.file = image.module("ib_iser").extension() == ".xz"
			     ? run_process({"xz", "--check=crc32", "--lzma2=dict=1MiB", "-c", file}).checked().out
			     : read_file(file);
	const std::string notes = run_process({"readelf", "-n", file}).checked().out;
	const auto at = notes.find(kBuildId);
	if (at == std::string::npos)
		fail("{} has no build id", file.string());
	build.build_id = trimmed(notes.substr(at + std::strlen(kBuildId), 41));
	return build;
}

ModuleSize module_size(const Image &image, ModuleKind kind)
{
	const fs::path packed = fs::path(LAB_RUN_DIR) / "module-size";
	ModuleSize size{};

	fs::create_directories(packed.parent_path());
	if (kind == ModuleKind::ours) {
		const ModuleBuild build = build_module(image, "");

		build.result.checked();
		write_file(packed, build.file);
	} else {
		write_file(packed, read_file(image.root() / image.module("ib_iser").relative_path()));
	}
	// xz -f passes on what is not compressed.
	std::istringstream line(
		run_process({"sh", "-c", R"(xz -dcf "$1" >"$1.ko" && size "$1.ko" | tail -n 1)", "sh", packed})
			.checked()
			.out);
	line >> size.text >> size.data >> size.bss;
	if (!line)
		fail("size says nothing of {}", packed.string());
	return size;
}

std::string build_rxe_parent(const Image &image)
{
	const FileLock lock(image.root().string() + ".build.lock");
	CommandResult result;
	const fs::path directory = make(image, source_directory() / "guest/rxe-parent", "rxe-parent", "", result);

	result.checked();
	return read_file(directory / "rxe_parent.ko");
}

} // namespace lab
