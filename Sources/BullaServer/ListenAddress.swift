// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// Where a port listens: `HOST:PORT`, `[IPv6]:PORT` or `unix:PATH`; port 0 is any free port.
public enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// A host and a TCP port.
    case tcp(host: String, port: Int)
    /// A Unix domain socket.
    case unix(path: String)

    /// Reads an address.
    ///
    /// - Throws: `invalidArgument` for anything else.
    public init(_ text: String) throws(BullaError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard !path.isEmpty, path.utf8.count < 108 else {
                throw BullaError(.invalidArgument, "address '\(text.prefix(120))': a socket's path has 1 to 107 bytes")
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port), colon != text.startIndex
        else { throw BullaError(.invalidArgument, "address '\(text.prefix(120))' is not HOST:PORT or unix:PATH") }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self = .tcp(host: String(host), port: port)
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _): host == "localhost" || host == "::1" || Self.isLoopbackIPv4(host)
        }
    }

    /// The address as it is written.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// The same host with the port that was really bound.
    func bound(to port: Int?) -> ListenAddress {
        switch self {
        case .tcp(let host, let asked): .tcp(host: host, port: port ?? asked)
        case .unix: self
        }
    }

    private static func isLoopbackIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } && parts[0] == "127"
    }
}
