// Reads the stack of a PHP process from outside. No dependencies.
module debugcapture/php-stacks

go 1.25.0
