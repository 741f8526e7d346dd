// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaSeal
import Crypto
import Foundation
import Testing

@Suite("KeyStore")
final class KeyStoreTests {
    let folder: TemporaryFolder
    let store: KeyStore
    let pem = P256.Signing.PrivateKey().pemRepresentation

    init() throws {
        folder = try TemporaryFolder()
        store = KeyStore(folder: folder.url.path)
    }

    @Test("reads a key, and lists the names")
    func reads() throws {
        _ = try folder.write("b/private", Data(pem.utf8))
        _ = try folder.write("a/private", Data(pem.utf8))
        _ = try folder.write("empty/public", Data())
        #expect(store.names == ["a", "b"])
        let key = try store.signingKey(named: "a")
        #expect(try key.keyID == SigningKey(Array(pem.utf8)).keyID)
        _ = try folder.write("a/public", Data(key.publicKey.text.utf8))
        #expect(try store.publicKeys(named: "a") == [key.publicKey])
        #expect(try store.signingKey(named: "a").keyID == key.keyID)
    }

    @Test("refuses a public file of another key")
    func mismatched() throws {
        _ = try folder.write("a/private", Data(pem.utf8))
        _ = try folder.write("a/public", Data(P256.Signing.PrivateKey().publicKey.pemRepresentation.utf8))
        let error = #expect(throws: BullaError.self) { try store.signingKey(named: "a") }
        #expect(error?.code == .invalidArgument)
    }

    @Test("takes the algorithm from its file")
    func algorithm() throws {
        _ = try folder.write("a/private", Data(pem.utf8))
        _ = try folder.write("a/algorithm", Data("ecdsa-p256-sha256\n".utf8))
        #expect(try store.signingKey(named: "a").publicKey.algorithm == .ecdsaP256SHA256)
        _ = try folder.write("a/algorithm", Data("rsa-pss-2048-sha256\n".utf8))
        #expect(throws: BullaError.self) { try store.signingKey(named: "a") }
    }

    @Test("says that there is no such key", arguments: ["missing", "a.b-c_D9"])
    func missing(name: String) {
        let error = #expect(throws: BullaError.self) { try store.signingKey(named: name) }
        #expect(error?.code == .notFound)
    }

    @Test("refuses names that are paths", arguments: ["", ".", "..", "../a", "a/b", "/etc", "a\0", ".hidden", "ä"])
    func paths(name: String) {
        let error = #expect(throws: BullaError.self) { try store.signingKey(named: name) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("never tells what is in a file that is no key")
    func secretsStay() throws {
        _ = try folder.write("a/private", Data("hunter2".utf8))
        let error = #expect(throws: BullaError.self) { try store.signingKey(named: "a") }
        #expect(error?.description.contains("hunter2") == false)
        #expect(error?.message.contains("'a'") == true)
    }

    @Test("reads Kritis' Secret with a passphrase, with and without a newline", .enabled(if: Tool.gpg != nil))
    func kritisSecret() throws {
        let keys = try GPGKeys.shared.get()
        _ = try folder.write(
            "a/private", Data(keys.home.privateKey("locked@bulla", passphrase: GPGKeys.passphrase)))
        _ = try folder.write("a/public", Data(keys.home.publicKey("locked@bulla").utf8))
        for end in ["", "\n", "\r\n"] {
            _ = try folder.write("a/passphrase", Data((GPGKeys.passphrase + end).utf8))
            #expect(try store.signingKey(named: "a").keyID == keys.locked)
        }
        _ = try folder.write("a/passphrase", Data("wrong".utf8))
        let error = #expect(throws: BullaError.self) { try store.signingKey(named: "a") }
        #expect(error?.message.contains("wrong") == false)
    }
}
