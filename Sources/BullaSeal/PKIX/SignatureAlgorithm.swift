// SPDX-License-Identifier: Apache-2.0

/// The signature algorithms of Binary Authorization, by their names there, and Ed25519 as Bulla's own.
///
/// See https://cloud.google.com/binary-authorization/docs/reference/rest/v1/projects.attestors.
public enum SignatureAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// RSASSA-PSS, 2048 bits, SHA-256.
    case rsaPSS2048SHA256 = "RSA_PSS_2048_SHA256"
    /// RSASSA-PSS, 3072 bits, SHA-256.
    case rsaPSS3072SHA256 = "RSA_PSS_3072_SHA256"
    /// RSASSA-PSS, 4096 bits, SHA-256.
    case rsaPSS4096SHA256 = "RSA_PSS_4096_SHA256"
    /// RSASSA-PSS, 4096 bits, SHA-512.
    case rsaPSS4096SHA512 = "RSA_PSS_4096_SHA512"
    /// RSASSA-PKCS1-v1_5, 2048 bits, SHA-256.
    case rsaPKCS1With2048SHA256 = "RSA_SIGN_PKCS1_2048_SHA256"
    /// RSASSA-PKCS1-v1_5, 3072 bits, SHA-256.
    case rsaPKCS1With3072SHA256 = "RSA_SIGN_PKCS1_3072_SHA256"
    /// RSASSA-PKCS1-v1_5, 4096 bits, SHA-256.
    case rsaPKCS1With4096SHA256 = "RSA_SIGN_PKCS1_4096_SHA256"
    /// RSASSA-PKCS1-v1_5, 4096 bits, SHA-512.
    case rsaPKCS1With4096SHA512 = "RSA_SIGN_PKCS1_4096_SHA512"
    /// ECDSA on P-256 with SHA-256, the signature in ASN.1 DER.
    case ecdsaP256SHA256 = "ECDSA_P256_SHA256"
    /// ECDSA on P-384 with SHA-384, the signature in ASN.1 DER.
    case ecdsaP384SHA384 = "ECDSA_P384_SHA384"
    /// ECDSA on P-521 with SHA-512, the signature in ASN.1 DER.
    case ecdsaP521SHA512 = "ECDSA_P521_SHA512"
    /// Ed25519 (RFC 8032), not in Google's list.
    case ed25519 = "ED25519"
    /// ML-DSA-65 (FIPS 204) with an empty context.
    case mlDSA65 = "ML_DSA_65"

    /// Reads a name: the enum's, one of its aliases (`RSA_SIGN_PSS_…`, `EC_SIGN_…`), or a command line's
    /// `rsa-pss-2048-sha256`; Kritis' misspelt `rsa-pss-4096s-ha256` too.
    public init?(name: some StringProtocol) {
        var text = name.uppercased().replacing("-", with: "_")
        if text == "RSA_PSS_4096S_HA256" { text = Self.rsaPSS4096SHA256.rawValue }
        if text.hasPrefix("RSA_SIGN_PSS_") { text = "RSA_PSS_" + text.dropFirst("RSA_SIGN_PSS_".count) }
        if text.hasPrefix("EC_SIGN_") { text = "ECDSA_" + text.dropFirst("EC_SIGN_".count) }
        self.init(rawValue: text)
    }

    /// The name as the command line spells it.
    public var commandLineName: String { rawValue.lowercased().replacing("_", with: "-") }

    /// The size of the RSA key that the algorithm wants; nothing for the others.
    public var rsaBits: Int? {
        switch self {
        case .rsaPSS2048SHA256, .rsaPKCS1With2048SHA256: 2048
        case .rsaPSS3072SHA256, .rsaPKCS1With3072SHA256: 3072
        case .rsaPSS4096SHA256, .rsaPSS4096SHA512, .rsaPKCS1With4096SHA256, .rsaPKCS1With4096SHA512: 4096
        default: nil
        }
    }

    /// Whether an RSA algorithm pads by PSS.
    var isPSS: Bool {
        switch self {
        case .rsaPSS2048SHA256, .rsaPSS3072SHA256, .rsaPSS4096SHA256, .rsaPSS4096SHA512: true
        default: false
        }
    }

    /// Whether the hash is SHA-512.
    var isSHA512: Bool {
        switch self {
        case .rsaPSS4096SHA512, .rsaPKCS1With4096SHA512, .ecdsaP521SHA512: true
        default: false
        }
    }
}
