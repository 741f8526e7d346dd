// SPDX-License-Identifier: Apache-2.0

/// An advisory that speaks of a package's version.
struct AdvisoryMatch {
    let advisory: AdvisoryRecord
    /// All that it says about the package: places in the section of affected packages.
    let entries: Range<Int>
    /// What it says about the version.
    let hits: [AffectedRecord]
}
