// SPDX-License-Identifier: Apache-2.0

/// A party that vouches for images: a note that its attestations hang on, and the keys that are trusted for it.
///
/// One key of several suffices, so a rotation lists the old and the new one. What a key says about itself counts for
/// nothing: an attestation is tried against these keys and no other.
public struct Attestor: Hashable, Sendable {
    /// A public key that is trusted for an attestor, as the policy spells it.
    public struct Key: Hashable, Sendable {
        /// What kind of key it is, and so how a signature by it is laid out.
        public enum Format: Hashable, Sendable {
            /// An OpenPGP certificate in ASCII armor.
            case openPGP
            /// A SubjectPublicKeyInfo in PEM, with the name of the algorithm that its signatures use.
            case pkix(algorithm: String)
        }

        /// The kind of key.
        public let format: Format
        /// The armor or the PEM.
        public let text: String
        /// The name that attestations give it, when the policy says one; only ever a hint for looking it up.
        public let id: String?

        /// Describes a key.
        public init(format: Format, text: String, id: String? = nil) {
            self.format = format
            self.text = text
            self.id = id
        }
    }

    /// The identity within a policy: namespace, a slash, the name.
    public let id: String
    /// The name people use for it.
    public let name: String
    /// The note that its attestations hang on, `projects/P/notes/N`.
    public let note: String
    /// The keys trusted for it; with none, nothing can ever be attested by it.
    public let keys: [Key]

    /// Describes an attestor.
    public init(id: String, name: String, note: String, keys: [Key]) {
        self.id = id
        self.name = name
        self.note = note
        self.keys = keys
    }
}
