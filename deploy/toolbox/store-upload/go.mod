// Sends a file from a debug container to the store, so that it passes neither the API server nor Rundeck.
module debugcapture/store-upload

go 1.25.0

require golang.org/x/crypto/x509roots/fallback v0.0.0-20250826074233-8f580defa01d
