// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import GrafeasMessages
import SwiftProtobuf

/// What an update may do to a record: evidence never changes once it is written, and no record changes its kind.
enum Immutability {
    /// Brings an occurrence to what an update asks for.
    ///
    /// - Parameters:
    ///   - occurrence: The occurrence as it is.
    ///   - update: What the client sent.
    ///   - mask: The paths to change; nil replaces all that may change.
    /// - Returns: The occurrence as it shall be.
    /// - Throws: `failedPrecondition` when the update changes what is immutable.
    static func update(
        _ occurrence: Grafeas_V1_Occurrence, with update: Grafeas_V1_Occurrence, _ mask: FieldMask?
    ) throws(BullaError) -> Grafeas_V1_Occurrence {
        var changed = occurrence
        if let mask {
            var nested: [[String]] = []
            for path in mask.paths {
                if path.count > 1 {
                    nested.append(path)
                    continue
                }
                switch path.first {
                case "resource_uri": changed.resourceUri = update.resourceUri
                case "note_name": changed.noteName = update.noteName
                case "remediation": changed.remediation = update.remediation
                case "envelope":
                    if update.hasEnvelope { changed.envelope = update.envelope } else { changed.clearEnvelope() }
                default: changed.details = try details(of: update, named: path.first ?? "", in: occurrence)
                }
            }
            if !nested.isEmpty {
                for path in nested where path[0] != "envelope" {
                    _ = try details(of: update, named: path[0], in: occurrence)
                }
                changed = try FieldMask.merge(changed, with: update, nested)
            }
        } else {
            // What is immutable need not be repeated by the client.
            if !update.resourceUri.isEmpty { changed.resourceUri = update.resourceUri }
            if !update.noteName.isEmpty { changed.noteName = update.noteName }
            changed.remediation = update.remediation
            if update.details != nil { changed.details = update.details }
            if update.hasEnvelope {
                changed.envelope = update.envelope
            } else if !isEvidence(occurrence) {
                changed.clearEnvelope()
            }
            if !update.unknownFields.data.isEmpty { changed.unknownFields = update.unknownFields }
        }
        try check(changed, against: occurrence)
        return changed
    }

    /// The update's details when they are of the kind that the mask names and the occurrence has.
    private static func details(
        of update: Grafeas_V1_Occurrence, named name: String, in occurrence: Grafeas_V1_Occurrence
    ) throws(BullaError) -> Grafeas_V1_Occurrence.OneOf_Details? {
        guard name == fieldName(of: occurrence.derivedKind) else {
            throw BullaError(.failedPrecondition, "an occurrence of kind \(occurrence.derivedKind) has no \(name)")
        }
        guard update.details == nil || update.derivedKind == occurrence.derivedKind else {
            throw BullaError(.failedPrecondition, "the kind of an occurrence is immutable")
        }
        return update.details
    }

    private static func check(
        _ changed: Grafeas_V1_Occurrence, against occurrence: Grafeas_V1_Occurrence
    ) throws(BullaError) {
        func refuse(_ field: String) -> BullaError {
            BullaError(
                .failedPrecondition, "\(field) is immutable in occurrence \(occurrence.name)",
                violations: [BullaError.Violation(field: field, description: "\(field) is immutable")])
        }
        if changed.resourceUri != occurrence.resourceUri { throw refuse("resource_uri") }
        if changed.noteName != occurrence.noteName { throw refuse("note_name") }
        if changed.derivedKind != occurrence.derivedKind { throw refuse("kind") }
        guard isEvidence(occurrence) else { return }
        if changed.details != occurrence.details { throw refuse(fieldName(of: occurrence.derivedKind)) }
        if changed.hasEnvelope != occurrence.hasEnvelope || changed.envelope != occurrence.envelope {
            throw refuse("envelope")
        }
    }

    /// Whether an occurrence is evidence: what it says was signed, or says how something was made.
    static func isEvidence(_ occurrence: Grafeas_V1_Occurrence) -> Bool {
        switch occurrence.derivedKind {
        case .attestation, .dsseAttestation, .build: true
        default: false
        }
    }

    /// Brings a note to what an update asks for; everything may change but its name and its kind.
    ///
    /// - Throws: `failedPrecondition` when the update changes the note's kind, or a package note's name.
    static func update(
        _ note: Grafeas_V1_Note, with update: Grafeas_V1_Note, _ mask: FieldMask?
    ) throws(BullaError) -> Grafeas_V1_Note {
        var changed = note
        if let mask {
            var nested: [[String]] = []
            for path in mask.paths {
                if path.count > 1 {
                    nested.append(path)
                    continue
                }
                switch path.first {
                case "short_description": changed.shortDescription = update.shortDescription
                case "long_description": changed.longDescription = update.longDescription
                case "related_url": changed.relatedURL = update.relatedURL
                case "related_note_names": changed.relatedNoteNames = update.relatedNoteNames
                case "expiration_time":
                    if update.hasExpirationTime {
                        changed.expirationTime = update.expirationTime
                    } else {
                        changed.clearExpirationTime()
                    }
                default:
                    try checkType(path.first ?? "", update, note)
                    changed.type = update.type
                }
            }
            if !nested.isEmpty {
                for path in nested where path[0] != "expiration_time" { try checkType(path[0], update, note) }
                changed = try FieldMask.merge(changed, with: update, nested)
            }
        } else {
            changed.shortDescription = update.shortDescription
            changed.longDescription = update.longDescription
            changed.relatedURL = update.relatedURL
            changed.relatedNoteNames = update.relatedNoteNames
            if update.hasExpirationTime {
                changed.expirationTime = update.expirationTime
            } else {
                changed.clearExpirationTime()
            }
            if update.type != nil { changed.type = update.type }
            if !update.unknownFields.data.isEmpty { changed.unknownFields = update.unknownFields }
        }
        guard changed.derivedKind == note.derivedKind else {
            throw BullaError(.failedPrecondition, "the kind of note \(note.name) is immutable")
        }
        if case .package(let before) = note.type, case .package(let after) = changed.type, before.name != after.name {
            throw BullaError(.failedPrecondition, "package.name is immutable in note \(note.name)")
        }
        return changed
    }

    private static func checkType(
        _ name: String, _ update: Grafeas_V1_Note, _ note: Grafeas_V1_Note
    ) throws(BullaError) {
        guard name == fieldName(of: note.derivedKind) else {
            throw BullaError(.failedPrecondition, "a note of kind \(note.derivedKind) has no \(name)")
        }
        guard update.type == nil || update.derivedKind == note.derivedKind else {
            throw BullaError(.failedPrecondition, "the kind of note \(note.name) is immutable")
        }
    }

    /// The field that holds what is particular to a kind.
    static func fieldName(of kind: Grafeas_V1_NoteKind) -> String {
        switch kind {
        case .vulnerability: "vulnerability"
        case .build: "build"
        case .image: "image"
        case .package: "package"
        case .deployment: "deployment"
        case .discovery: "discovery"
        case .attestation: "attestation"
        case .upgrade: "upgrade"
        case .compliance: "compliance"
        case .dsseAttestation: "dsse_attestation"
        case .vulnerabilityAssessment: "vulnerability_assessment"
        case .sbomReference: "sbom_reference"
        case .secret: "secret"
        case .aiSkillAnalysis: "ai_skill_analysis"
        case .unspecified, .UNRECOGNIZED: ""
        }
    }
}
