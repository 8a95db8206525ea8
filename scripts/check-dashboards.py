#!/usr/bin/env python3
"""Holds dashboards against the JSON schemas that Grafana publishes (grafana-foundation-sdk, `jsonschema/`).

    scripts/check-dashboards.py CHECKOUT FOLDER...

Each file as a dashboard; of each panel of Grafana's also its options, its own field options and its units. Two nodes are
relaxed: what is `any` in Grafana's Go became `object` in its schema, where a name or a number stands in every dashboard.
Ends with 1 when something does not fit, with 2 when it could not look.
"""

import json
import pathlib
import sys

try:
    from jsonschema import Draft7Validator
except ImportError:
    print("error: cannot find Python's jsonschema\nhint: pip install jsonschema", file=sys.stderr)
    sys.exit(2)

RELAXED = [("MatcherConfig", "options"), ("DynamicConfigValue", "value")]
# Panels of ours; Grafana gets a table and a heatmap for them (`millrace grafana export`).
OWN = ("millrace-",)


def schema(folder, name, definition=None):
    path = folder / f"{name}.jsonschema.json"
    if not path.exists():
        return None
    text = json.loads(path.read_text())
    for owner, key in RELAXED:
        if owner in text["definitions"]:
            text["definitions"][owner]["properties"][key] = {}
    if definition is None:
        return text
    if definition not in text["definitions"]:
        return None
    return {**text, "$ref": f"#/definitions/{definition}"}


def panels(dashboard):
    for panel in dashboard.get("panels", []):
        yield panel
        yield from panel.get("panels") or []


def units(panel):
    config = panel.get("fieldConfig", {})
    yield config.get("defaults", {}).get("unit")
    for override in config.get("overrides", []):
        for one in override["properties"]:
            if one["id"] == "unit":
                yield one.get("value")


def faults(folder, dashboard):
    known = {one["const"] for one in schema(folder, "units")["definitions"].values() if "const" in one}
    parts = [("", schema(folder, "dashboard"), dashboard)]
    for panel in panels(dashboard):
        kind, place = panel["type"], f"panel {panel.get('id')} ({panel.get('title')}): "
        if kind == "row" or kind.startswith(OWN):
            continue
        name = kind.replace("-", "")
        custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
        parts.append((place + "options: ", schema(folder, name, "Options"), panel.get("options", {})))
        parts.append((place + "custom: ", schema(folder, name, "FieldConfig"), custom))
        for unit in units(panel):
            if unit is not None and unit not in known:
                yield f"{place}{unit} is no unit"
    for place, against, value in parts:
        if against is None:
            continue
        for fault in Draft7Validator(against).iter_errors(value):
            yield f"{place}{'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}"


def main(checkout, *folders):
    schemas = pathlib.Path(checkout) / "jsonschema"
    files = [file for folder in folders for file in sorted(pathlib.Path(folder).rglob("*.json"))]
    if not (schemas / "dashboard.jsonschema.json").exists() or not files:
        print(f"error: there are no schemas in {schemas}, or no dashboards in {', '.join(folders)}", file=sys.stderr)
        return 2
    count = 0
    for file in files:
        for fault in faults(schemas, json.loads(file.read_text())):
            count += 1
            print(f"{file}: {fault}")
    print(f"{len(files)} dashboards, {count} faults")
    return 1 if count else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
