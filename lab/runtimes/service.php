<?php
// Waits for an inventory that never comes; with the argument "crash" it throws, and PHP writes its error log instead.

function reserve_inventory(): never
{
    while (true) {
        sleep(1);
    }
}

function check_out(): never
{
    reserve_inventory();
}

if (($argv[1] ?? '') === 'crash') {
    throw new RuntimeException('the inventory is gone');
}
echo "service: ready\n";
check_out();
