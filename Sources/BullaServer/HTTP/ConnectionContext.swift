// SPDX-License-Identifier: Apache-2.0

package import Hummingbird
package import NIOCore

/// What a route knows of a request besides the request itself: its connection.
package struct ConnectionContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The connection that the request came by.
    package let channel: any Channel

    /// Takes what the server knows.
    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}
