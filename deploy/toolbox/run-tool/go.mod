// Runs the tools of a debug container and leaves no process behind. Standard library only.
module debugcapture/run-tool

go 1.25.0
