// Runs the tools of a debug container so that nothing of them stays behind. Standard library only.
module debugcapture/run-tool

go 1.25.0
