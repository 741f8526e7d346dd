// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import GrafeasMessages
import SwiftProtobuf

/// A message below which an `Any` may be, for JSON cannot write an `Any` of a type that it does not know.
protocol AnyHolder: Message {
    /// Shows every `Any` below the message.
    mutating func visitAnys(_ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void) throws(BullaError)
}

/// Shows every `Any` of a list.
private func visitAll(
    _ anys: inout [Google_Protobuf_Any], _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
) throws(BullaError) {
    for index in anys.indices { try visit(&anys[index]) }
}

/// Shows every `Any` below the messages of a list.
private func visitAll(
    _ messages: inout [some AnyHolder], _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
) throws(BullaError) {
    for index in messages.indices { try messages[index].visitAnys(visit) }
}

extension Grafeas_V1_Occurrence: AnyHolder {
    mutating func visitAnys(
        _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
    ) throws(BullaError) {
        switch details {
        case .build:
            if build.hasIntotoProvenance { try build.intotoProvenance.visitAnys(visit) }
            if build.hasIntotoStatement { try build.intotoStatement.visitAnys(visit) }
        case .dsseAttestation:
            if case .statement = dsseAttestation.decodedPayload { try dsseAttestation.statement.visitAnys(visit) }
        case .secret:
            if secret.hasData { try visit(&secret.data) }
        case .discovery:
            for index in discovery.analysisError.indices {
                try visitAll(&discovery.analysisError[index].details, visit)
            }
            if discovery.hasAnalysisStatusError { try visitAll(&discovery.analysisStatusError.details, visit) }
        default: break
        }
    }
}

extension Grafeas_V1_InTotoProvenance: AnyHolder {
    mutating func visitAnys(
        _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
    ) throws(BullaError) {
        guard hasRecipe else { return }
        try visitAll(&recipe.arguments, visit)
        try visitAll(&recipe.environment, visit)
    }
}

extension Grafeas_V1_InTotoStatement: AnyHolder {
    mutating func visitAnys(
        _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
    ) throws(BullaError) {
        switch predicate {
        case .provenance: try provenance.visitAnys(visit)
        case .slsaProvenance:
            if slsaProvenance.recipe.hasArguments { try visit(&slsaProvenance.recipe.arguments) }
            if slsaProvenance.recipe.hasEnvironment { try visit(&slsaProvenance.recipe.environment) }
        default: break
        }
    }
}

extension Grafeas_V1_CreateOccurrenceRequest: AnyHolder {
    mutating func visitAnys(
        _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
    ) throws(BullaError) {
        if hasOccurrence { try occurrence.visitAnys(visit) }
    }
}

extension Grafeas_V1_BatchCreateOccurrencesRequest: AnyHolder {
    mutating func visitAnys(
        _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
    ) throws(BullaError) { try visitAll(&occurrences, visit) }
}

extension Grafeas_V1_BatchCreateOccurrencesResponse: AnyHolder {
    mutating func visitAnys(
        _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
    ) throws(BullaError) { try visitAll(&occurrences, visit) }
}

extension Grafeas_V1_ListOccurrencesResponse: AnyHolder {
    mutating func visitAnys(
        _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
    ) throws(BullaError) { try visitAll(&occurrences, visit) }
}

extension Grafeas_V1_ListNoteOccurrencesResponse: AnyHolder {
    mutating func visitAnys(
        _ visit: (inout Google_Protobuf_Any) throws(BullaError) -> Void
    ) throws(BullaError) { try visitAll(&occurrences, visit) }
}
