"""Documented limits on JSON schemas of structured outputs and strict tools."""

from typing import Any

KEYWORDS = {
    "type", "properties", "required", "additionalProperties", "items", "minItems", "enum", "const", "anyOf", "allOf",
    "$ref", "$defs", "definitions", "description", "title", "default", "format", "pattern",
}  # fmt: skip
FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}


def schema_faults(schema: Any, above: tuple[str, ...] = (), root: Any = None) -> list[str]:
    """List what is wrong with a schema, in the API's words; empty for none."""
    if not isinstance(schema, dict):
        return ["a schema must be an object"]
    root = schema if root is None else root
    kind = str(schema.get("type", "any"))
    faults = [
        f"For '{kind}' type, property '{name}' is not supported" for name in schema if name not in KEYWORDS
    ] + own_faults(schema, kind)
    if "$ref" in schema:
        return faults + reference_faults(str(schema["$ref"]), above, root)
    below = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("allOf", [])]
    below += [schema["items"]] if "items" in schema else []
    below += list(schema.get("$defs", {}).values())
    return faults + [fault for part in below for fault in schema_faults(part, above, root)]


def own_faults(schema: dict[str, Any], kind: str) -> list[str]:
    faults = []
    if kind == "object" and schema.get("additionalProperties") is not False:
        faults.append("For 'object' type, 'additionalProperties' must be explicitly set to false")
    if kind == "array" and schema.get("minItems", 0) not in (0, 1):
        faults.append("For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    if schema.get("format", "date") not in FORMATS:
        faults.append(f"For 'string' type, format '{schema['format']}' is not supported")
    if not {"type", "anyOf", "allOf", "enum", "const", "$ref"} & schema.keys():
        faults.append("a schema must have a type, anyOf, allOf, enum, const or $ref")
    return faults


def reference_faults(name: str, above: tuple[str, ...], root: Any) -> list[str]:
    if name in above:
        return [f"recursive schemas are not supported: {name}"]
    where: Any = root
    for part in name.removeprefix("#/").split("/"):
        where = where.get(part) if isinstance(where, dict) else None
    if not name.startswith("#/") or where is None:
        return [f"$ref '{name}' is not found in the schema"]
    return schema_faults(where, (*above, name), root)
