"""What apt itself would install, for each line of names on standard input.

Answers in JSON, a line each: the packages as [name, version, architecture], or the error, and the seconds it took.
Run with APT_CONFIG naming a private root; `--recommends` follows Recommends as apt-get does by default.
`--versions` compares the versions of each line instead and answers with -1, 0 or 1.
"""

import json
import os
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
        files = [file for file, _ in candidate.file_list]
        archives = [file.archive for file in files] + [file.codename for file in files]
        if candidate.ver_str == version or release in archives:
            depcache.set_candidate_ver(package, candidate)
            return package
    return None if version or release else package


def solve(cache, depcache, packages, words):
    """As `apt-get install` does it."""
    resolver = apt_pkg.ProblemResolver(depcache)
    asked = [wanted(cache, depcache, word) for word in words]
    if None in asked:
        return {"error": "unknown: " + words[asked.index(None)]}
    with apt_pkg.ActionGroup(depcache):
        for package in asked:
            resolver.clear(package)
            resolver.protect(package)
            depcache.mark_install(package, False, True)
        for package in asked:
            depcache.mark_install(package, True, True)
    if depcache.broken_count:
        try:
            resolver.resolve(True)
        except apt_pkg.Error as error:
            return {"error": str(error)}
    if depcache.broken_count:
        return {"error": "broken"}
    found = []
    for package in packages:
        if depcache.marked_install(package) or depcache.marked_upgrade(package) or depcache.marked_downgrade(package):
            # What apt-get does last: new packages that nothing needs any more are not installed after all.
            is_new = package.current_ver is None
            if is_new and depcache.is_garbage(package) and depcache.is_auto_installed(package):
                continue
            version = depcache.get_candidate_ver(package)
            found.append([package.name, version.ver_str, version.arch])
        elif depcache.marked_delete(package):
            found.append([package.name, "-", package.architecture])
    return {"packages": sorted(found)}


def say(answer):
    print(json.dumps(answer), flush=True)


def versions():
    for line in sys.stdin:
        one, other = line.split()
        order = apt_pkg.version_compare(one, other)
        print((order > 0) - (order < 0))


def closures():
    begin = time.perf_counter()
    cache = apt_pkg.Cache(None)
    depcache = apt_pkg.DepCache(cache)
    packages = [package for package in cache.packages if package.has_versions]
    say({"open": time.perf_counter() - begin})
    # Each closure begins with nothing marked. A copy of this process is as good as a new DepCache, and cheaper;
    # the time of the latter is counted all the same, since it is what a program without this trick pays.
    begin = time.perf_counter()
    depcache.init()
    init = time.perf_counter() - begin
    for line in sys.stdin:
        words = line.split()
        child = os.fork()
        if child == 0:
            begin = time.perf_counter()
            answer = solve(cache, depcache, packages, words)
            seconds = init + time.perf_counter() - begin
            say({"names": words, "seconds": seconds, **answer})
            os._exit(0)
        os.waitpid(child, 0)
    say({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss})


def main():
    apt_pkg.init_config()
    apt_pkg.config["APT::Install-Recommends"] = str("--recommends" in sys.argv).lower()
    apt_pkg.init_system()
    if "--versions" in sys.argv:
        versions()
    else:
        closures()


main()
