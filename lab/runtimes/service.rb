# Two workers want one inventory; with the argument "crash" it leaves its last error in a file instead.

INVENTORY = Mutex.new

def reserve_inventory
  INVENTORY.synchronize { sleep }
end

def crash
  raise 'the inventory is gone'
rescue StandardError => e
  File.write('/var/crash/error.log', e.full_message(highlight: false))
  raise
end

crash if ARGV.first == 'crash'
$stdout.sync = true
puts 'service: ready'
workers = Array.new(2) { Thread.new { reserve_inventory } }
workers.first.report_on_exception = false
loop { sleep 1 }
