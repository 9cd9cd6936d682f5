// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/module.h"

#include <cstring>

#include "lab/error.h"
#include "lab/files.h"
#include "lab/process.h"

namespace lab {

namespace fs = std::filesystem;

static constexpr const char *kBuildDirectory = "usr/src/ib_iser"; // below the guests' root
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

ModuleBuild build_module(const Image &image, const std::string &arguments)
{
	const fs::path directory = image.root() / kBuildDirectory;
	const FileLock lock(image.root().string() + ".build.lock");
	ModuleBuild build;

	fs::remove_all(directory);
	fs::create_directories(directory);
	for (const auto &entry : fs::directory_iterator(checkout())) {
		if (entry.is_regular_file() && is_module_source(entry.path()))
			fs::copy_file(entry.path(), directory / entry.path().filename());
	}
	build.result = run_process({"chroot", image.root(), "sh", "-c",
				    fmt::format("make -j4 -C /lib/modules/{}/build M=/{} {} modules 2>&1",
						image.release(), kBuildDirectory, arguments)});
	if (!build.result.ok())
		return build;
	const fs::path file = directory / "ib_iser.ko";
	run_process({"strip", "--strip-debug", file}).checked();
	build.compressed =
		run_process({"xz", "--check=crc32", "--lzma2=dict=1MiB", "-c", file}).checked().out;
	const std::string notes = run_process({"readelf", "-n", file}).checked().out;
	const auto at = notes.find(kBuildId);
	if (at == std::string::npos)
		fail("{} has no build id", file.string());
	build.build_id = trimmed(notes.substr(at + std::strlen(kBuildId), 41));
	return build;
}

} // namespace lab
