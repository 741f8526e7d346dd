// SPDX-License-Identifier: Apache-2.0

/// The catalogers that a scan uses.
public enum StandardCatalogers {
    /// All of them, the distributions' first.
    public static let all: [any Cataloger] = [DebianCataloger(), AlpineCataloger(), PythonCataloger()]
}
