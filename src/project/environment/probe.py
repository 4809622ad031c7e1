# Prints what an interpreter is and what is installed in it, as one line of JSON.
# Runs in the user's interpreter, whatever its version: no syntax newer than Python 2.7.
import sys

# The current folder is the project's: a `json.py` there is not ours to import.
sys.path[:] = [folder for folder in sys.path if folder]

import json
import os

answer = {
    "version": ".".join(str(part) for part in sys.version_info[:3]),
    "prefix": sys.prefix,
    "executable": sys.executable,
    "base_executable": getattr(sys, "_base_executable", None) or sys.executable,
    "site_dirs": [],
    "scanned": [],
    "distributions": {},
    "editable": [],
    "bytecode": False,
}


def name_of(text):
    return text.replace("_", "-").replace(".", "-").lower()


def scan(folder):
    for entry in sorted(os.listdir(folder)):
        stem, ending = os.path.splitext(entry)
        path = os.path.join(folder, entry)
        if ending == ".egg-link":
            answer["editable"].append(name_of(stem))
            continue
        if ending not in (".dist-info", ".egg-info") or "-" not in stem:
            if ending == ".egg-info":
                metadata(path, "PKG-INFO")
            continue
        if ending == ".egg-info" and "-py" in stem:
            stem = stem[: stem.rindex("-py")]
        name, _, version = stem.partition("-")
        name = name_of(name)
        answer["distributions"].setdefault(name, version)
        try:
            with open(os.path.join(path, "direct_url.json")) as handle:
                if json.load(handle).get("dir_info", {}).get("editable"):
                    answer["editable"].append(name)
        except (IOError, OSError, ValueError):
            pass


def metadata(folder, file):
    fields = {}
    try:
        with open(os.path.join(folder, file) if os.path.isdir(folder) else folder) as handle:
            for line in handle:
                key, found, value = line.partition(":")
                if not found:
                    break
                fields.setdefault(key, value.strip())
    except (IOError, OSError, UnicodeDecodeError):
        return
    if "Name" in fields and "Version" in fields:
        name = name_of(fields["Name"])
        answer["distributions"].setdefault(name, fields["Version"])
        answer["editable"].append(name)


def compiled(folders):
    from importlib.util import cache_from_source

    found = False
    for package in ("dagster", "dagster_webserver", "dagster_graphql", "marimo"):
        for folder in folders:
            source = os.path.join(folder, package, "__init__.py")
            if os.path.exists(source):
                if not os.path.exists(cache_from_source(source)):
                    return False
                found = True
                break
    return found


if sys.version_info >= (3, 8):
    import site
    import sysconfig

    dirs = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        dirs.append(site.getusersitepackages())
    answer["site_dirs"] = [d for d in dirs if os.path.isdir(d) and d in sys.path]
    standard = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    for folder in sys.path:
        if os.path.isdir(folder) and folder not in standard:
            answer["scanned"].append(folder)
            scan(folder)
    answer["bytecode"] = compiled(answer["scanned"])

print(json.dumps(answer))
