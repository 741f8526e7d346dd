# SPDX-License-Identifier: Apache-2.0
"""Compares our Grafeas v1 definitions with those inside Google's Python client.

    protoc -I Protos -I /usr/include --include_imports --descriptor_set_out=OURS Protos/grafeas/v1/*.proto ...
    python3 compare_descriptors.py OURS

Every message, field (number, type, label, JSON name, oneof), enum value, and the HTTP form of every method is compared
with PyPI `grafeas`; google.rpc.Status with PyPI `googleapis-common-protos`. What only we have is printed; it must be
in EXPECTED, as must every JSON name that differs. Exits 1 on any other difference.
"""

import importlib
import pkgutil
import re
import sys

from google.api import annotations_pb2, field_behavior_pb2  # noqa: F401 (registers the option)
from google.protobuf import descriptor_pb2, descriptor_pool
from google.rpc import status_pb2

import grafeas.grafeas_v1.types as client_types
from grafeas.grafeas_v1.services.grafeas.transports import rest_base

# What differs and is right: the open-source definitions hold more than the client does.
EXPECTED = {
    "only ours: message grafeas.v1.AISkillAnalysisNote",
    "only ours: message grafeas.v1.AISkillAnalysisOccurrence",
    "only ours: message grafeas.v1.AISkillAnalysisOccurrence.Finding",
    "only ours: field grafeas.v1.Note.ai_skill_analysis",
    "only ours: field grafeas.v1.Occurrence.ai_skill_analysis",
    "only ours: value grafeas.v1.NoteKind.AI_SKILL_ANALYSIS=14",
    # proto-plus drops json_name; Google's published definitions have it, and its services answer "_type".
    "JSON name of grafeas.v1.InTotoStatement.type: ours _type, theirs type",
    "JSON name of grafeas.v1.InTotoSlsaProvenanceV1.type: ours _type, theirs type",
    "JSON name of grafeas.v1.SbomReferenceIntotoPayload.type: ours _type, theirs type",
}


def messages_of(pool_messages):
    """Every message and enum below the given ones, by full name."""
    messages, enums = {}, {}

    def visit(message):
        if message.GetOptions().map_entry:
            return
        messages[message.full_name] = message
        for field in message.fields:
            if field.enum_type is not None:
                enums[field.enum_type.full_name] = field.enum_type
        for enum in message.enum_types:
            enums[enum.full_name] = enum
        for nested in message.nested_types:
            visit(nested)

    for message in pool_messages:
        visit(message)
    return messages, enums


def described(field):
    """What a field is on the wire and in JSON, without its name."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name
        return "map<%s,%s>" % (described(entry["key"]), described(entry["value"]))
    kind = descriptor_pb2.FieldDescriptorProto.Type.Name(field.type)
    target = field.message_type or field.enum_type
    oneof = field.containing_oneof.name if field.containing_oneof else ""
    return "%s %s repeated=%s oneof=%s" % (kind, target.full_name if target else "", field.is_repeated, oneof)


def theirs():
    """The client's messages and enums: proto-plus registers a file's descriptors when its module is imported."""
    tops, enums = {}, {}
    for module in pkgutil.iter_modules(client_types.__path__):
        importlib.import_module("%s.%s" % (client_types.__name__, module.name))
    for name in ("grafeas", "common", "attestation", "build", "compliance", "cvss", "deployment", "discovery",
                 "dsse_attestation", "image", "intoto_provenance", "intoto_statement", "package", "provenance",
                 "risk", "sbom", "secret", "severity", "slsa_provenance", "slsa_provenance_zero_two", "upgrade",
                 "vex", "vulnerability"):
        module = importlib.import_module("%s.%s" % (client_types.__name__, name))
        for member in module.__protobuf__.manifest:
            kind = getattr(module, member)
            if hasattr(kind, "pb"):
                message = kind.pb(kind()).DESCRIPTOR
                tops[message.full_name] = message
                for enum in message.file.enum_types_by_name.values():
                    enums[enum.full_name] = enum
    tops["google.rpc.Status"] = status_pb2.Status.DESCRIPTOR
    messages, nested = messages_of(tops.values())
    enums.update(nested)
    return messages, enums


def ours(path):
    """Our messages, enums and methods, from a descriptor set in a pool of its own."""
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as source:
        files.ParseFromString(source.read())
    pool = descriptor_pool.DescriptorPool()
    tops, enums, methods = [], {}, {}
    for file in files.file:
        pool.Add(file)
    for file in files.file:
        if file.package not in ("grafeas.v1", "google.rpc"):
            continue
        found = pool.FindFileByName(file.name)
        tops += found.message_types_by_name.values()
        enums.update((enum.full_name, enum) for enum in found.enum_types_by_name.values())
        for service in file.service:
            for method in service.method:
                methods[method.name] = method
    messages, nested = messages_of(tops)
    enums.update(nested)
    return messages, enums, methods


def http_rules(method):
    """The HTTP forms of one of our methods, as the client writes them."""
    rule = method.options.Extensions[annotations_pb2.http]
    rules = set()
    for binding in [rule, *rule.additional_bindings]:
        verb = binding.WhichOneof("pattern")
        rules.add((verb, getattr(binding, verb), binding.body))
    return rules


def client_http_rules(name):
    """The HTTP forms of a method of the client's REST transport."""
    base = getattr(rest_base._BaseGrafeasRestTransport, "_Base" + name)
    options = base._get_http_options()
    return {(option["method"], option["uri"], option.get("body", "")) for option in options}


def main(path):
    differences = []
    our_messages, our_enums, methods = ours(path)
    their_messages, their_enums = theirs()

    for name in sorted(our_messages.keys() | their_messages.keys()):
        if name not in their_messages:
            differences.append("only ours: message " + name)
            continue
        if name not in our_messages:
            differences.append("only theirs: message " + name)
            continue
        mine, their = our_messages[name].fields_by_name, their_messages[name].fields_by_name
        # proto-plus must rename fields that Python reserves: "type" may be "type_".
        their = {re.sub("_$", "", key): field for key, field in their.items()}
        for key in sorted(mine.keys() | their.keys()):
            full = "%s.%s" % (name, key)
            if key not in their:
                differences.append("only ours: field " + full)
            elif key not in mine:
                differences.append("only theirs: field " + full)
            else:
                a, b = mine[key], their[key]
                if a.number != b.number:
                    differences.append("number of %s: ours %d, theirs %d" % (full, a.number, b.number))
                if described(a) != described(b):
                    differences.append("type of %s: ours %s, theirs %s" % (full, described(a), described(b)))
                if a.json_name != re.sub("_$", "", b.json_name):
                    differences.append("JSON name of %s: ours %s, theirs %s" % (full, a.json_name, b.json_name))

    for name in sorted(our_enums.keys() | their_enums.keys()):
        if name not in their_enums:
            differences.append("only ours: enum " + name)
        elif name not in our_enums:
            differences.append("only theirs: enum " + name)
        else:
            mine = {"%s=%d" % (value.name, value.number) for value in our_enums[name].values}
            their = {"%s=%d" % (value.name, value.number) for value in their_enums[name].values}
            differences += ["only ours: value %s.%s" % (name, value) for value in sorted(mine - their)]
            differences += ["only theirs: value %s.%s" % (name, value) for value in sorted(their - mine)]

    for name, method in sorted(methods.items()):
        try:
            their = client_http_rules(name)
        except AttributeError:
            differences.append("only ours: method " + name)
            continue
        if http_rules(method) != their:
            differences.append("HTTP of %s: ours %s, theirs %s" % (name, http_rules(method), their))
    client_methods = {key[5:] for key in vars(rest_base._BaseGrafeasRestTransport) if re.match("_Base[A-Z]", key)}
    differences += ["only theirs: method " + name for name in sorted(client_methods - methods.keys())]

    required = sum(
        1 for message in our_messages.values() for field in message.fields
        if len(field.GetOptions().SerializeToString()))
    unexpected = [difference for difference in differences if difference not in EXPECTED]
    for difference in differences:
        print(("  " if difference in EXPECTED else "! ") + difference)
    print("%d messages, %d fields, %d enums, %d methods, %d fields with options; %d differences, %d unexpected" % (
        len(our_messages), sum(len(message.fields) for message in our_messages.values()), len(our_enums),
        len(methods), required, len(differences), len(unexpected)))
    return 1 if unexpected else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
