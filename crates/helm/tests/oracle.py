"""Answers how Helm itself renders charts: a JSON object on each line in, one on each line out.

Helm is the Go SDK inside of the package helm-python-sdk; it stays loaded, so that an answer takes about as
long as the rendering. A request has

  chart        the folder or archive of the chart, or
  files        its files instead: {path: text}, paths relative to the chart's root
  values       the texts of values files, in their order (optional)
  options      name, namespace, revision, is_install, is_upgrade, kube_version, api_versions,
               skip_schema_validation (each optional)
  manifest     true: the assembled manifest of a dry-run installation instead of the files
  repeat       how often to render, for measurements; the fastest time counts (optional)

and an answer has

  files        {path: text} of what was rendered, or `manifest`, or
  error        Helm's text, and `kind`, the class of the error
  seconds      the time that loading and rendering took

`{}` asks for the version. Helm gives its output as JSON, in which each byte that is not UTF-8 has become
U+FFFD.
"""

import io
import json
import os
import resource
import sys
import tarfile
import time

# Dates are formatted in the zone of the process, and caches want a home; neither is to be the user's.
os.environ["TZ"] = "UTC"

import helm_python  # noqa: E402
from helm_python import _native  # noqa: E402


LIMIT = 8 << 30


def archive(files):
    """The chart as an archive that is not compressed, which loads faster than a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as tar:
        for path, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo("chart/" + path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def merge(base, over):
    """Values files over each other, as the command line of Helm does."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
    return base


def load(request):
    if "files" in request:
        return helm_python.Chart.load_archive(archive(request["files"]))
    return helm_python.Chart.load(request["chart"])


def read(text):
    """JSON of Go's, which has a zero below zero."""
    return json.loads(text, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))


def given(texts):
    """What the command line makes of values files.

    The library's own reader takes the first document of a file only. That of charts is the one that the command
    line uses, so that each file is made the values of a chart.
    """
    values = {}
    for text in texts:
        chart = {"Chart.yaml": "apiVersion: v2\nname: values\nversion: 0.1.0\n", "values.yaml": text}
        try:
            with helm_python.Chart.load_archive(archive(chart)) as chart:
                merge(values, read(_native.call_string("helm_chart_values", chart._raw())) or {})
        except helm_python.HelmError as error:
            text = str(error).removeprefix("cannot load values.yaml: ")
            raise helm_python.HelmValuesError("failed to parse values.yaml: " + text) from error
    return json.dumps(values)


def render(request, values):
    options = request.get("options") or {}
    with load(request) as chart:
        if request.get("manifest"):
            config = helm_python.Config(kube_apiserver="http://127.0.0.1:1", storage_driver="memory")
            release = config.install(
                chart,
                options.get("name", "release-name"),
                json.loads(values),
                namespace=options.get("namespace", "default"),
                dry_run="client",
            )
            return {"manifest": release["manifest"]}
        # The wrapper of the package knows fewer options than the library beneath it.
        answer = _native.call_string("helm_render", chart._raw(), values, json.dumps(options))
        return {"files": json.loads(answer)}


def answer(request):
    if not request:
        return {"helm": helm_python.helm_sdk_version()}
    best = None
    for _ in range(request.get("repeat", 1)):
        start = time.perf_counter()
        try:
            values = given(request.get("values", []))
            start = time.perf_counter()
            reply = render(request, values)
        except helm_python.HelmError as error:
            reply = {"error": str(error), "kind": type(error).__name__}
        seconds = time.perf_counter() - start
        best = seconds if best is None else min(best, seconds)
    reply["seconds"] = best
    return reply


def main():
    # A chart that wants all memory ends this process alone.
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    # The library and its log share standard output's descriptor with nobody.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), ensure_ascii=True), file=out, flush=True)


if __name__ == "__main__":
    main()
