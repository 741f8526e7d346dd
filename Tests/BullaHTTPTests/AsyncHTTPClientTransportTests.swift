// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaHTTP
import HTTPTypes
import Testing

@Suite("AsyncHTTPClientTransport")
struct AsyncHTTPClientTransportTests {
    @Test("says that there is no connection, at once")
    func refused() async throws {
        let error = await #expect(throws: BullaError.self) {
            try await AsyncHTTPClientTransport.with { transport in
                // Port 1 of the loopback interface is nobody's.
                let request = HTTPRequest(
                    method: .get, scheme: "http", authority: "127.0.0.1:1", path: "/?token=secret")
                _ = try await transport.send(request, body: .none, timeout: .seconds(5))
            }
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("secret") == false)
    }

    @Test("refuses a file of authorities that holds none")
    func refusesAuthorities() {
        let error = #expect(throws: BullaError.self) {
            try AsyncHTTPClientTransport(trust: TLSTrust(authorityFile: "/dev/null/none"))
        }
        #expect(error?.code == .invalidArgument)
    }
}
