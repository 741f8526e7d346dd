# SPDX-License-Identifier: Apache-2.0
"""Drives a Grafeas v1 server with Google's own client (PyPI `grafeas`), over gRPC and over REST.

    python3 grafeas_client.py --http http://127.0.0.1:8080 --grpc 127.0.0.1:8081 --project demo

Each transport does the same: makes notes, records occurrences, lists with pages and filters, updates with a mask,
follows occurrences to notes and back, provokes every usual error, and deletes what it made. What one transport wrote
the other reads. Exits 1 at the first answer that is not as it must be, with what was expected.
"""

import argparse
import sys
import uuid

import grpc
from google.api_core import exceptions
from google.auth import credentials
from google.protobuf import any_pb2, field_mask_pb2, timestamp_pb2
from grafeas import grafeas_v1 as v1
from grafeas.grafeas_v1.services.grafeas.transports import GrafeasGrpcTransport, GrafeasRestTransport

DIGEST = "sha256:" + "ab" * 32
RUN = uuid.uuid4().hex[:8]


class Mismatch(Exception):
    """An answer that is not as it must be."""


def expect(found, wanted, what):
    """Compares an answer with what it must be."""
    if found != wanted:
        raise Mismatch("%s: expected %r, found %r" % (what, wanted, found))


def refuses(call, kind, *words):
    """Expects an error of one class, whose message has the words."""
    try:
        call()
    except exceptions.GoogleAPICallError as error:
        if not isinstance(error, kind):
            raise Mismatch("expected %s, found %r" % (kind.__name__, error))
        for word in words:
            if word not in str(error):
                raise Mismatch("expected %r in %r" % (word, error))
        return error
    raise Mismatch("expected %s, found an answer" % kind.__name__)


def vulnerability_note():
    """A vulnerability in one package."""
    return v1.Note(
        short_description="CVE-2024-0001",
        long_description="A flaw, with \u00fcn\u00efcode and \"quotes\".",
        related_url=[v1.RelatedUrl(url="https://example.com/CVE-2024-0001", label="advisory")],
        vulnerability=v1.VulnerabilityNote(
            cvss_score=7.5,
            severity=v1.Severity.HIGH,
            details=[v1.VulnerabilityNote.Detail(
                affected_cpe_uri="cpe:/o:debian:debian_linux:12",
                affected_package="zlib",
                affected_version_start=v1.Version(kind=v1.Version.VersionKind.MINIMUM),
                affected_version_end=v1.Version(kind=v1.Version.VersionKind.NORMAL, name="1.2.13", revision="1"),
                fixed_cpe_uri="cpe:/o:debian:debian_linux:12",
                fixed_package="zlib",
                fixed_version=v1.Version(kind=v1.Version.VersionKind.NORMAL, epoch=1, name="1.2.13", revision="2"),
            )],
        ))


def vulnerability_occurrence(note, resource):
    """That vulnerability in one image."""
    return v1.Occurrence(
        resource_uri=resource,
        note_name=note,
        vulnerability=v1.VulnerabilityOccurrence(
            effective_severity=v1.Severity.CRITICAL,
            package_issue=[v1.VulnerabilityOccurrence.PackageIssue(
                affected_cpe_uri="cpe:/o:debian:debian_linux:12",
                affected_package="zlib",
                affected_version=v1.Version(kind=v1.Version.VersionKind.NORMAL, epoch=1, name="1.2.13", revision="1"),
                fixed_cpe_uri="cpe:/o:debian:debian_linux:12",
                fixed_package="zlib",
                fixed_version=v1.Version(kind=v1.Version.VersionKind.NORMAL, epoch=1, name="1.2.13", revision="2"),
                fix_available=True,
            )],
        ))


def build_occurrence(note, resource):
    """The provenance of one image, with a map, times and an in-toto statement."""
    return v1.Occurrence(
        resource_uri=resource,
        note_name=note,
        build=v1.BuildOccurrence(
            provenance=v1.BuildProvenance(
                id="build-1",
                create_time=timestamp_pb2.Timestamp(seconds=1700000000, nanos=123456000),
                build_options={"a": "1", "b": "2"},
                commands=[v1.Command(name="make", args=["all"])],
                source_provenance=v1.Source(
                    context=v1.SourceContext(git=v1.GitSourceContext(url="https://git.example/x", revision_id="f00d"))),
            ),
            intoto_statement=v1.InTotoStatement(
                predicate_type="https://slsa.dev/provenance/v0.2",
                subject=[v1.Subject(name=resource, digest={"sha256": "ab" * 32})],
                slsa_provenance_zero_two=v1.SlsaProvenanceZeroTwo(
                    builder=v1.SlsaProvenanceZeroTwo.SlsaBuilder(id="https://builder.example"),
                    build_type="make"),
            ),
        ))


def attestation_occurrence(note, resource, key="key-1"):
    """A signature over one image."""
    return v1.Occurrence(
        resource_uri=resource,
        note_name=note,
        attestation=v1.AttestationOccurrence(
            serialized_payload=b"\x00payload\xff\xfe",
            signatures=[v1.Signature(signature=b"\x01\x02\xfb\xff", public_key_id=key)],
        ))


def names(pager, size):
    """Every name of a list, and whether each page but the last was full."""
    found = []
    pages = list(pager.pages)
    for page in pages[:-1]:
        records = page.occurrences if hasattr(page, "occurrences") else page.notes
        expect(len(records), size, "records of a page")
    for page in pages:
        found += [record.name for record in (page.occurrences if hasattr(page, "occurrences") else page.notes)]
    expect(len(set(found)), len(found), "names listed twice")
    return found


class Journey:
    """One run over one transport; another client reads what it wrote."""

    def __init__(self, label, client, other, project):
        self.label = label
        self.client = client
        self.other = other
        self.parent = "projects/" + project
        self.tag = "%s-%s" % (label, RUN)
        self.resource = "https://registry.example/%s/app@%s" % (self.tag, DIGEST)

    def run(self):
        """Everything, in order."""
        self.notes()
        self.occurrences()
        self.lists()
        self.updates()
        self.bridges()
        self.errors()
        self.deletions()

    def notes(self):
        client, parent = self.client, self.parent
        self.vulnerability = "%s/notes/CVE-2024-0001-%s" % (parent, self.tag)
        made = client.create_note(
            parent=parent, note_id="CVE-2024-0001-" + self.tag, note=vulnerability_note())
        expect(made.name, self.vulnerability, "name of the note")
        expect(made.kind, v1.NoteKind.VULNERABILITY, "kind of the note")
        assert made.create_time is not None
        for reader in (client, self.other):
            read = reader.get_note(name=self.vulnerability)
            expect(read, made, "the note as read")
        expect(read.long_description, "A flaw, with \u00fcn\u00efcode and \"quotes\".", "its description")
        expect(read.vulnerability.details[0].fixed_version.revision, "2", "its fixed version")

        batch = client.batch_create_notes(parent=parent, notes={
            "attestor-" + self.tag: v1.Note(attestation=v1.AttestationNote(
                hint=v1.AttestationNote.Hint(human_readable_name="qa"))),
            "build-" + self.tag: v1.Note(build=v1.BuildNote(builder_version="1")),
        })
        self.attestor = "%s/notes/attestor-%s" % (parent, self.tag)
        self.build = "%s/notes/build-%s" % (parent, self.tag)
        expect({note.name for note in batch.notes}, {self.attestor, self.build}, "notes of the batch")

        mine = [name for name in names(client.list_notes(request={"parent": parent, "page_size": 2}), 2)
                if name.endswith(self.tag)]
        expect(set(mine), {self.vulnerability, self.attestor, self.build}, "the project's notes")
        changed = client.update_note(
            name=self.attestor,
            note=v1.Note(short_description="short", long_description="not in the mask", attestation=v1.AttestationNote(
                hint=v1.AttestationNote.Hint(human_readable_name="release"))),
            update_mask=field_mask_pb2.FieldMask(
                paths=["short_description", "attestation.hint.human_readable_name"]))
        expect(changed.short_description, "short", "the description after the update")
        expect(changed.attestation.hint.human_readable_name, "release", "the hint after the update")
        expect(changed.long_description, "", "what the mask does not name")
        expect(self.other.get_note(name=self.attestor), changed, "the updated note as read")

    def occurrences(self):
        client, parent = self.client, self.parent
        self.finding = client.create_occurrence(
            parent=parent, occurrence=vulnerability_occurrence(self.vulnerability, self.resource))
        assert self.finding.name.startswith(parent + "/occurrences/"), self.finding.name
        expect(self.finding.kind, v1.NoteKind.VULNERABILITY, "kind of the occurrence")
        expect(self.finding.resource_uri, self.resource, "resource of the occurrence")
        assert self.finding.create_time is not None
        self.attestation = client.create_occurrence(
            parent=parent, occurrence=attestation_occurrence(self.attestor, self.resource))
        expect(self.attestation.attestation.serialized_payload, b"\x00payload\xff\xfe", "the payload's bytes")
        expect(self.attestation.attestation.signatures[0].signature, b"\x01\x02\xfb\xff", "the signature's bytes")
        for made in (self.finding, self.attestation):
            expect(self.other.get_occurrence(name=made.name), made, "the occurrence over the other transport")
            expect(client.get_occurrence(name=made.name), made, "the occurrence as read")

        resources = ["https://registry.example/%s/%d@%s" % (self.tag, index, DIGEST) for index in range(5)]
        batch = client.batch_create_occurrences(
            parent=parent, occurrences=[build_occurrence(self.build, resource) for resource in resources])
        expect([made.resource_uri for made in batch.occurrences], resources, "resources of the batch, in order")
        self.builds = list(batch.occurrences)
        first = self.other.get_occurrence(name=self.builds[0].name)
        expect(first, self.builds[0], "the first of the batch")
        expect(dict(first.build.provenance.build_options), {"a": "1", "b": "2"}, "its options")
        expect(first.build.provenance.create_time.isoformat(), "2023-11-14T22:13:20.123456+00:00", "its time")
        expect(first.build.intoto_statement.slsa_provenance_zero_two.build_type, "make", "its predicate")

    def lists(self):
        client, parent = self.client, self.parent
        everything = [self.finding.name, self.attestation.name] + [made.name for made in self.builds]
        listed = names(client.list_occurrences(request={"parent": parent, "page_size": 3}), 3)
        expect(set(everything) - set(listed), set(), "occurrences missing from the list")

        def filtered(text, size=2):
            return names(client.list_occurrences(
                request={"parent": parent, "filter": text, "page_size": size}), size)

        expect(filtered('resourceUrl="%s"' % self.resource), [self.finding.name, self.attestation.name],
               "occurrences by resource")
        expect(filtered('kind="VULNERABILITY" AND resourceUrl="%s"' % self.resource), [self.finding.name],
               "occurrences by kind and resource")
        expect(filtered('kind="PACKAGE" AND resourceUrl="%s"' % self.resource), [], "occurrences of no kind here")
        expect([name for name in filtered('kind="BUILD"', 4) if name in everything],
               [made.name for made in self.builds], "occurrences by kind")
        for text in ("nonsense", "kind=", 'noSuchField="x"'):
            refuses(lambda: list(client.list_occurrences(request={"parent": parent, "filter": text})),
                    exceptions.BadRequest, "filter")
        refuses(lambda: list(client.list_occurrences(request={"parent": parent, "page_size": -1})),
                exceptions.BadRequest, "page size")
        refuses(lambda: list(client.list_occurrences(request={"parent": parent, "page_token": "nonsense"})),
                exceptions.BadRequest, "token")

    def updates(self):
        changed = self.client.update_occurrence(
            name=self.finding.name,
            occurrence=v1.Occurrence(remediation="upgrade zlib", resource_uri="https://elsewhere.example/x"),
            update_mask=field_mask_pb2.FieldMask(paths=["remediation"]))
        expect(changed.remediation, "upgrade zlib", "the remediation after the update")
        expect(changed.resource_uri, self.resource, "what the mask does not name")
        expect(changed.vulnerability, self.finding.vulnerability, "the details that the mask does not name")
        expect(self.other.get_occurrence(name=self.finding.name), changed, "the updated occurrence as read")
        refuses(lambda: self.client.update_occurrence(
            name=self.finding.name, occurrence=v1.Occurrence(),
            update_mask=field_mask_pb2.FieldMask(paths=["no_such_field"])), exceptions.BadRequest, "no_such_field")

    def bridges(self):
        note = self.client.get_occurrence_note(name=self.attestation.name)
        expect(note.name, self.attestor, "the attestation's note")
        found = names(self.client.list_note_occurrences(request={"name": self.build, "page_size": 2}), 2)
        expect(found, [made.name for made in self.builds], "the build note's occurrences")
        found = names(self.client.list_note_occurrences(request={
            "name": self.build, "filter": 'resourceUrl="%s"' % self.builds[3].resource_uri}), 20)
        expect(found, [self.builds[3].name], "the build note's occurrences by resource")
        # A note's occurrences are found whichever project they are in.
        elsewhere = self.client.create_occurrence(
            parent=self.parent + "-other",
            occurrence=attestation_occurrence(self.attestor, self.resource, "key-2"))
        assert elsewhere.name.startswith(self.parent + "-other/occurrences/"), elsewhere.name
        found = names(self.client.list_note_occurrences(name=self.attestor), 20)
        expect(set(found), {self.attestation.name, elsewhere.name}, "the attestor's occurrences in every project")
        listed = names(self.client.list_occurrences(request={"parent": self.parent, "page_size": 100}), 100)
        expect(elsewhere.name in listed, False, "another project's occurrence in the list")
        expect(self.client.get_occurrence_note(name=elsewhere.name).name, self.attestor, "the note across projects")
        self.client.delete_occurrence(name=elsewhere.name)

    def errors(self):
        client, parent = self.client, self.parent
        absent = "%s/notes/absent-%s" % (parent, self.tag)
        refuses(lambda: client.get_note(name=absent), exceptions.NotFound, absent)
        refuses(lambda: client.get_occurrence(name=parent + "/occurrences/absent"), exceptions.NotFound)
        refuses(lambda: client.delete_note(name=absent), exceptions.NotFound)
        refuses(lambda: client.create_note(
            parent=parent, note_id="build-" + self.tag, note=v1.Note(build=v1.BuildNote(builder_version="1"))),
            exceptions.Conflict)
        refuses(lambda: client.create_occurrence(
            parent=parent, occurrence=attestation_occurrence(self.attestor, self.resource)), exceptions.Conflict)
        error = refuses(lambda: client.create_occurrence(
            parent=parent, occurrence=v1.Occurrence(attestation=v1.AttestationOccurrence())), exceptions.BadRequest)
        # The client gives messages over gRPC, and the JSON as it is over REST.
        fields = [violation.field for detail in error.details for violation in getattr(detail, "field_violations", [])]
        fields += [violation["field"] for detail in error.details if isinstance(detail, dict)
                   for violation in detail.get("fieldViolations", [])]
        if not any("note_name" in field for field in fields):
            raise Mismatch("no field violation about note_name in %r" % (error.details,))
        refuses(lambda: client.create_occurrence(
            parent=parent, occurrence=attestation_occurrence(absent, self.resource)), exceptions.GoogleAPICallError)
        refuses(lambda: client.batch_create_occurrences(parent=parent, occurrences=[
            build_occurrence(self.build, self.resource + "0"), v1.Occurrence()]), exceptions.BadRequest)
        found = names(client.list_occurrences(
            request={"parent": parent, "filter": 'resourceUrl="%s0"' % self.resource}), 20)
        expect(found, [], "occurrences of a batch that was refused")
        # What one door cannot say, the other must not let in.
        if self.label == "grpc":
            wrong = build_occurrence(self.build, self.resource)
            v1.Occurrence.pb(wrong).build.provenance.start_time.seconds = 1 << 50
            refuses(lambda: client.create_occurrence(parent=parent, occurrence=wrong), exceptions.BadRequest)
            # An Any of a type that nobody knows must not spoil anybody's list.
            secret = client.create_note(
                parent=parent, note_id="secret-" + self.tag, note=v1.Note(secret=v1.SecretNote()))
            unknown = any_pb2.Any(type_url="type.googleapis.com/no.Such", value=b"\x08\x01")
            found = client.create_occurrence(parent=parent, occurrence=v1.Occurrence(
                resource_uri=self.resource, note_name=secret.name,
                secret=v1.SecretOccurrence(kind=v1.SecretKind.SECRET_KIND_GCP_API_KEY, data=unknown)))
            expect(found.secret.data.value, unknown.value, "the Any's bytes")
            client.delete_occurrence(name=found.name)
            client.delete_note(name=secret.name)

    def deletions(self):
        client = self.client
        for name in [self.finding.name, self.attestation.name] + [made.name for made in self.builds]:
            client.delete_occurrence(name=name)
            refuses(lambda: self.other.get_occurrence(name=name), exceptions.NotFound)
        for name in (self.vulnerability, self.attestor, self.build):
            client.delete_note(name=name)
            refuses(lambda: self.other.get_note(name=name), exceptions.NotFound)
        refuses(lambda: client.delete_occurrence(name=self.finding.name), exceptions.NotFound)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--http", required=True, help="URL of the HTTP port")
    arguments.add_argument("--grpc", required=True, help="HOST:PORT of the gRPC port")
    arguments.add_argument("--project", required=True)
    arguments = arguments.parse_args()
    scheme, _, host = arguments.http.rstrip("/").partition("://")

    channel = grpc.insecure_channel(arguments.grpc)
    over_grpc = v1.GrafeasClient(transport=GrafeasGrpcTransport(channel=channel))
    over_rest = v1.GrafeasClient(transport=GrafeasRestTransport(
        host=host, credentials=credentials.AnonymousCredentials(), url_scheme=scheme))
    try:
        for label, client, other in (("grpc", over_grpc, over_rest), ("rest", over_rest, over_grpc)):
            Journey(label, client, other, arguments.project).run()
            print("%s: as expected" % label)
    except Mismatch as mismatch:
        print("%s: %s" % (label, mismatch), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
