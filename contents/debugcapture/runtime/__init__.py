"""What both faces share: process, context, log lines and exit codes."""
