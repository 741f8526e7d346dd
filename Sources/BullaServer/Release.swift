// SPDX-License-Identifier: Apache-2.0

/// Which Bulla this is.
public enum Release {
    /// The version, by https://semver.org.
    public static let version = "0.1.0"
}
