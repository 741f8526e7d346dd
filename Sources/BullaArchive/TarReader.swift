// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// Reads a tar archive that arrives in chunks: ustar and PAX as POSIX has them
/// (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html) and GNU's long names and sparse files
/// (https://www.gnu.org/software/tar/manual/html_node/Standard.html).
///
/// Content is handed on where it lies; only headers and extension records are copied, so memory does not grow with the
/// archive. Names are reported as they are: making them safe is the caller's business. One archive is read by one task.
public final class TarReader {
    /// Takes the next event; the bytes in it are valid only during the call.
    public typealias Sink = (TarEvent) throws(BullaError) -> Void

    private enum State {
        case header
        case content
        case extensionRecord(type: UInt8)
        case oldSparseMap
        case sparseMap
        case ended
    }

    static let blockSize = 512

    private let limits: ArchiveLimits
    private var state = State.header
    private var offset: UInt64 = 0
    /// A block that lies in more than one chunk.
    private var block: [UInt8] = []
    /// Stored bytes of the member or record that are still to come, and the padding after them.
    private var remaining: UInt64 = 0
    private var padding: UInt64 = 0
    private var record: [UInt8] = []
    private var recordStart: UInt64 = 0
    private var entries = 0
    private var sawZeroBlock = false
    private var nextHeader = TarExtensions()
    private var everyHeader = TarExtensions()
    private var segments: [TarExtensions.Segment] = []
    private var segment = 0
    private var sparseMap = TarExtensions.SparseMap()
    private var mapBytes = 0
    private var written: UInt64 = 0
    private var size: UInt64 = 0
    private var emitsContent = false

    /// Starts at the beginning of an archive.
    public init(limits: ArchiveLimits = ArchiveLimits()) { self.limits = limits }

    /// Reads the next chunk.
    ///
    /// - Throws: `dataLoss` for an archive that contradicts itself, `resourceExhausted` when a limit is met, both with
    ///   the offset, and what `sink` throws.
    public func push(_ chunk: UnsafeRawBufferPointer, into sink: Sink) throws(BullaError) {
        var rest = chunk
        while !rest.isEmpty {
            var used: Int
            switch state {
            case .ended: return
            case .content, .extensionRecord:
                used = Int(min(remaining, UInt64(rest.count)))
                if used == 0 {
                    used = Int(min(padding, UInt64(rest.count)))
                    padding &-= UInt64(used)
                } else {
                    try take(UnsafeRawBufferPointer(rebasing: rest[..<used]), into: sink)
                }
                offset &+= UInt64(used)
                if remaining == 0, padding == 0 { state = .header }
            case .header, .oldSparseMap, .sparseMap:
                if block.isEmpty, rest.count >= Self.blockSize {
                    used = Self.blockSize
                    try read(UnsafeRawBufferPointer(rebasing: rest[..<used]), into: sink)
                    offset &+= UInt64(used)
                } else {
                    used = min(Self.blockSize - block.count, rest.count)
                    block.append(contentsOf: rest[..<used])
                    if block.count == Self.blockSize {
                        let whole = block
                        block.removeAll(keepingCapacity: true)
                        try whole.withRawBytes { (bytes) throws(BullaError) in try read(bytes, into: sink) }
                        offset &+= UInt64(Self.blockSize)
                    }
                }
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[used...])
        }
    }

    /// Ends the archive.
    ///
    /// An archive without the two blocks of zeros at its end is taken, as other readers take it.
    ///
    /// - Throws: `dataLoss` when the archive stops in the middle of a member.
    public func finish() throws(BullaError) {
        switch state {
        case .ended: return
        case .header where block.isEmpty && nextHeader.isEmpty: return
        // Some writers leave out the padding of the last member.
        case .content where remaining == 0: return
        default: throw .truncated("the tar archive", at: offset &+ UInt64(block.count))
        }
    }

    private func read(_ block: UnsafeRawBufferPointer, into sink: Sink) throws(BullaError) {
        switch state {
        case .oldSparseMap: try readOldSparseMap(block, entries: 21, more: 504, into: sink)
        case .sparseMap: try readSparseMap(block, into: sink)
        default: try readHeader(TarHeader(block: block, offset: offset), into: sink)
        }
    }

    // MARK: Headers

    private func readHeader(_ header: TarHeader, into sink: Sink) throws(BullaError) {
        if header.isZero {
            if sawZeroBlock {
                guard nextHeader.isEmpty else { throw .corrupt("the tar archive ends after an extension", at: offset) }
                state = .ended
            }
            sawZeroBlock = true
            return
        }
        guard !sawZeroBlock else { throw .corrupt("a lone block of zeros is inside the tar archive", at: offset) }
        try header.checkSum()
        entries += 1
        guard entries <= limits.entries else {
            throw .limit("the tar archive has more than \(limits.entries) entries", at: offset)
        }
        switch header.type {
        case UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "X"), UInt8(ascii: "L"), UInt8(ascii: "K"):
            let size = try header.size()
            guard size <= UInt64(limits.extensionBytes) else {
                throw .limit("a tar extension record has more than \(limits.extensionBytes) bytes", at: offset)
            }
            record.removeAll(keepingCapacity: true)
            recordStart = offset &+ UInt64(Self.blockSize)
            begin(stored: size)
            state = .extensionRecord(type: header.type)
            if size == 0 { try endRecord(type: header.type) }
        default: try readMember(header, into: sink)
        }
    }

    private func readMember(_ header: TarHeader, into sink: Sink) throws(BullaError) {
        let known = nextHeader.over(everyHeader)
        nextHeader = TarExtensions()
        var path = known.sparseName ?? known.path ?? header.path
        let linkTarget = known.linkPath ?? header.linkTarget
        guard path.count <= limits.pathBytes, linkTarget.count <= limits.pathBytes else {
            throw .limit("a path in the tar archive is longer than \(limits.pathBytes) bytes", at: offset)
        }
        guard !path.contains(0), !linkTarget.contains(0) else {
            throw .corrupt("a path in the tar archive has a zero byte", at: offset)
        }
        var kind = header.kind
        if header.type == 0, path.last == UInt8(ascii: "/") { kind = .directory }
        if kind == .directory { while path.count > 1, path.last == UInt8(ascii: "/") { path.removeLast() } }
        // Links, directories and devices have no content, whatever their size field says.
        var stored: UInt64 = 0
        if kind == .file {
            if let size = known.size { stored = size } else { stored = try header.size() }
        }
        begin(stored: stored)
        size = stored
        written = 0
        segment = 0
        segments = [TarExtensions.Segment(offset: 0, count: stored)]
        state = .content
        emitsContent = kind == .file
        var isMapped = true
        if header.type == UInt8(ascii: "S") {
            size = try header.number(483, 12, "real size")
            segments = []
            isMapped = false
        } else if kind == .file, let form = try known.sparseForm(at: offset) {
            size = form.size
            segments = form.segments
            isMapped = !form.mapIsInContent
        }
        let entry = TarEntry(
            kind: kind, path: path, linkTarget: linkTarget, size: size, mode: header.mode, offset: offset)
        try sink(.entry(entry))
        if isMapped {
            if kind == .file { try checkMap(into: sink) }
        } else if header.type == UInt8(ascii: "S") {
            try readOldSparseMap(
                UnsafeRawBufferPointer(rebasing: header.block[386...]), entries: 4, more: 96, into: sink)
        } else {
            sparseMap = TarExtensions.SparseMap()
            mapBytes = 0
            state = .sparseMap
            if remaining < UInt64(Self.blockSize) { throw .corrupt("a sparse file has no map", at: offset) }
        }
        if remaining == 0, padding == 0, case .content = state { state = .header }
    }

    private func begin(stored: UInt64) {
        remaining = stored
        padding = (0 &- stored) & UInt64(Self.blockSize - 1)
    }

    // MARK: Content

    private func take(_ bytes: UnsafeRawBufferPointer, into sink: Sink) throws(BullaError) {
        remaining &-= UInt64(bytes.count)
        if case .extensionRecord(let type) = state {
            record.append(contentsOf: bytes)
            if remaining == 0 { try endRecord(type: type) }
            return
        }
        guard emitsContent else { return }
        var rest = bytes
        while !rest.isEmpty, segment < segments.count {
            let end = segments[segment].offset &+ segments[segment].count
            let count = Int(min(end &- written, UInt64(rest.count)))
            try sink(.content(UnsafeRawBufferPointer(rebasing: rest[..<count])))
            written &+= UInt64(count)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            try passEndedSegments(into: sink)
        }
    }

    /// Goes to the segment that the next content byte belongs to, and reports the hole before it or the file's end.
    private func passEndedSegments(into sink: Sink) throws(BullaError) {
        while segment < segments.count, written == segments[segment].offset &+ segments[segment].count {
            segment += 1
            let next = segment < segments.count ? segments[segment].offset : size
            if next > written {
                try sink(.hole(next &- written))
                written = next
            }
        }
        if segment == segments.count { try sink(.end) }
    }

    /// Checks that the sparse map, or the one segment of an ordinary file, fits the sizes, and starts the content.
    private func checkMap(into sink: Sink) throws(BullaError) {
        var total: UInt64 = 0
        var end: UInt64 = 0
        for segment in segments {
            let (next, overflow) = segment.offset.addingReportingOverflow(segment.count)
            guard !overflow, segment.offset >= end, next <= size else {
                throw .corrupt("the map of a sparse file does not fit its size", at: offset)
            }
            end = next
            total &+= segment.count
        }
        guard total == remaining else {
            throw .corrupt("the map of a sparse file does not fit its stored size", at: offset)
        }
        state = .content
        if let first = segments.first?.offset ?? (size > 0 ? size : nil), first > 0 {
            try sink(.hole(first))
            written = first
        }
        try passEndedSegments(into: sink)
        if remaining == 0, padding == 0 { state = .header }
    }

    /// GNU's oldest form: a few segments in the header, the others in blocks after it.
    private func readOldSparseMap(
        _ bytes: UnsafeRawBufferPointer, entries: Int, more: Int, into sink: Sink
    ) throws(BullaError) {
        for index in 0..<entries where bytes[24 * index] != 0 {
            segments.append(
                TarExtensions.Segment(
                    offset: try TarHeader.number(bytes, 24 * index, 12, "sparse offset", at: offset),
                    count: try TarHeader.number(bytes, 24 * index + 12, 12, "sparse size", at: offset)))
        }
        guard segments.count <= limits.extensionBytes / 16 else {
            throw .limit("the map of a sparse file is too large", at: offset)
        }
        if bytes[more] != 0 {
            state = .oldSparseMap
        } else {
            try checkMap(into: sink)
        }
    }

    /// PAX form 1.0: the map is text before the content, in whole blocks.
    private func readSparseMap(_ block: UnsafeRawBufferPointer, into sink: Sink) throws(BullaError) {
        guard remaining >= UInt64(Self.blockSize) else { throw .corrupt("a sparse file's map is cut off", at: offset) }
        remaining &-= UInt64(Self.blockSize)
        mapBytes += block.count
        guard mapBytes <= limits.extensionBytes else {
            throw .limit("the map of a sparse file is larger than \(limits.extensionBytes) bytes", at: offset)
        }
        guard let map = try sparseMap.read(block, at: offset) else { return }
        segments = map
        try checkMap(into: sink)
    }

    // MARK: Extension records

    private func endRecord(type: UInt8) throws(BullaError) {
        switch type {
        case UInt8(ascii: "L"): nextHeader.path = Array(record.prefix { $0 != 0 })
        case UInt8(ascii: "K"): nextHeader.linkPath = Array(record.prefix { $0 != 0 })
        case UInt8(ascii: "g"): try everyHeader.read(record, at: recordStart)
        default: try nextHeader.read(record, at: recordStart)
        }
        if type != UInt8(ascii: "g") { nextHeader.pending = true }
        if remaining == 0, padding == 0 { state = .header }
    }
}
