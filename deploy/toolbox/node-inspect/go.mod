// Speaks to the inspector of a Node.js process from the debug container, so that the toolbox needs no Node.js.
module debugcapture/node-inspect

go 1.25.0

require github.com/coder/websocket v1.8.15
