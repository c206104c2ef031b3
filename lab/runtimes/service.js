// Waits for an inventory that never comes; with the argument "crash" it throws instead.
'use strict';

async function reserveInventory() {
  await new Promise(() => {});
}

function checkStock() {
  for (const end = Date.now() + 5; Date.now() < end; ) {
    // work that a CPU profile shows
  }
}

if (process.argv[2] === 'crash') {
  throw new Error('the inventory is gone');
}
require('node:http').createServer((request, response) => response.end('ok')).listen(8080);
setInterval(checkStock, 1000);
reserveInventory();
console.log('service: ready');
