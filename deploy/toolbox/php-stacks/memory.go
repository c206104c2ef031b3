package main

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

const symbolName = "executor_globals"

// The files that may contain PHP's engine: the program itself, or the module of a web server.
var engineFile = regexp.MustCompile(`/(php[\d.]*|php-fpm[\d.]*|php-cgi[\d.]*|libphp[^/]*\.so)$`)

type memory struct{ file *os.File }

func (m memory) read(address uint64, size int) ([]byte, error) {
	content := make([]byte, size)
	_, err := m.file.ReadAt(content, int64(address))
	return content, err
}

func (m memory) pointer(address uint64) (uint64, error) {
	content, err := m.read(address, 8)
	return binary.LittleEndian.Uint64(content), err
}

// executorGlobals is the address of PHP's executor_globals in the process.
func executorGlobals(pid int) (uint64, error) {
	file, base, err := engine(pid)
	if err != nil {
		return 0, err
	}
	opened, err := elf.Open(fmt.Sprintf("/proc/%d/root%s", pid, file))
	if err != nil {
		return 0, err
	}
	defer opened.Close()
	value, err := symbol(opened)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	if opened.Type == elf.ET_EXEC {
		return value, nil
	}
	return base - firstLoaded(opened) + value, nil
}

func engine(pid int) (file string, base uint64, err error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return "", 0, err
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // start-end mode offset device inode file
		if len(fields) == 6 && engineFile.MatchString(fields[5]) {
			start, _, _ := strings.Cut(fields[0], "-")
			base, err = strconv.ParseUint(start, 16, 64)
			return fields[5], base, err
		}
	}
	return "", 0, errors.New("it is not PHP")
}

func symbol(file *elf.File) (uint64, error) {
	for _, table := range []func() ([]elf.Symbol, error){file.DynamicSymbols, file.Symbols} {
		found, _ := table() // a stripped program has only one of the two
		for _, one := range found {
			if one.Name == symbolName && one.Section != elf.SHN_UNDEF {
				return one.Value, nil
			}
		}
	}
	return 0, fmt.Errorf("symbol %s not found: PHP is thread-safe, or it is not PHP", symbolName)
}

// firstLoaded is the preferred address of the first page of the program.
func firstLoaded(file *elf.File) uint64 {
	for _, one := range file.Progs {
		if one.Type == elf.PT_LOAD {
			return one.Vaddr &^ 0xfff
		}
	}
	return 0
}
