"""What apt itself would install, for each line of names on standard input.

Answers in JSON, a line each: the packages as [name, version, architecture], or the error; and the seconds it took.
Run with APT_CONFIG naming a private root; `--recommends` follows Recommends as apt-get does by default.
"""

import json
import resource
import sys
import time

import apt_pkg


def wanted(cache, depcache, word):
    """The package that a word of the command line means, with the version it asks for as candidate."""
    name, version, release = word, None, None
    if "=" in word:
        name, version = word.split("=", 1)
    elif "/" in word:
        name, release = word.split("/", 1)
    try:
        package = cache[name]
    except KeyError:
        return None
    if not package.has_versions:
        # As apt-get: a virtual name stands for its only provider.
        owners = {provide[2].parent_pkg.id: provide[2].parent_pkg for provide in package.provides_list}
        if len(owners) != 1:
            return None
        package = next(iter(owners.values()))
    for candidate in package.version_list if version or release else []:
        archives = [file.archive for file, _ in candidate.file_list] + [file.codename for file, _ in candidate.file_list]
        if candidate.ver_str == version or release in archives:
            depcache.set_candidate_ver(package, candidate)
            return package
    return None if version or release else package


def solve(cache, depcache, words):
    depcache.init()
    resolver = apt_pkg.ProblemResolver(depcache)
    packages = [wanted(cache, depcache, word) for word in words]
    if None in packages:
        return {"error": "unknown: " + words[packages.index(None)]}
    with apt_pkg.ActionGroup(depcache):
        for package in packages:
            resolver.clear(package)
            resolver.protect(package)
            depcache.mark_install(package, False, True)
        for package in packages:
            depcache.mark_install(package, True, True)
    if depcache.broken_count:
        try:
            resolver.resolve(True)
        except apt_pkg.Error as error:
            return {"error": str(error)}
    if depcache.broken_count:
        return {"error": "broken"}
    found = []
    for package in cache.packages:
        if depcache.marked_install(package) or depcache.marked_upgrade(package) or depcache.marked_downgrade(package):
            version = depcache.get_candidate_ver(package)
            found.append([package.name, version.ver_str, version.arch])
        elif depcache.marked_delete(package):
            found.append([package.name, "-", package.architecture])
    return {"packages": sorted(found)}


def main():
    apt_pkg.init_config()
    apt_pkg.config["APT::Install-Recommends"] = str("--recommends" in sys.argv).lower()
    apt_pkg.init_system()
    begin = time.perf_counter()
    cache = apt_pkg.Cache(None)
    depcache = apt_pkg.DepCache(cache)
    print(json.dumps({"open": time.perf_counter() - begin}), flush=True)
    for line in sys.stdin:
        words = line.split()
        begin = time.perf_counter()
        answer = solve(cache, depcache, words)
        seconds = time.perf_counter() - begin
        print(json.dumps({"names": words, "seconds": seconds, **answer}), flush=True)
    print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


main()
