// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Glibc

extension ListenAddress {
    /// The same address with port 0 replaced by a port that is free now.
    ///
    /// The HTTP port must be known before it is bound, because the registry's name is made of it. Between here and there
    /// another process may take it; the start then fails, as with any port in use.
    ///
    /// - Throws: `unavailable` when no port can be had on the host.
    func withFreePort() throws(BullaError) -> ListenAddress {
        guard case .tcp(let host, 0) = self else { return self }
        let failure = BullaError(.unavailable, "no free port can be had on '\(host)'")
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "0", &hints, &found) == 0, let address = found else { throw failure }
        defer { freeaddrinfo(found) }
        let descriptor = socket(address.pointee.ai_family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw failure }
        defer { close(descriptor) }
        guard bind(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else { throw failure }
        var bound = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let named = withUnsafeMutablePointer(to: &bound) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard named == 0 else { throw failure }
        let isIPv6 = bound.ss_family == sa_family_t(AF_INET6)
        let port = withUnsafePointer(to: &bound) { pointer in
            isIPv6
                ? pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    UInt16(bigEndian: $0.pointee.sin6_port)
                }
                : pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    UInt16(bigEndian: $0.pointee.sin_port)
                }
        }
        return .tcp(host: host, port: Int(port))
    }
}
