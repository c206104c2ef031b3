package main

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Events of the runtime, with their names in docs.microsoft.com/dotnet/framework/performance/method-etw-events.
const (
	methodLoadVerbose  = 143
	methodDCEndVerbose = 144
	moduleDCEnd        = 154

	mostNameBytes = 256 << 20 // of all methods; applications with 20,000 methods have 3 MiB
)

type method struct {
	start, end uint64
	module     uint64
	name       string
}

// methodNames finds the method of an address in the code that the runtime has compiled.
type methodNames struct {
	methods []method
	modules map[uint64]string
	bytes   int
}

// learn remembers the method or the module of an event; other events are ignored.
func (m *methodNames) learn(e event) error {
	content := cursor{data: e.data}
	switch {
	case e.kind.provider == rundownProvider && e.kind.id == moduleDCEnd:
		id := content.u64()
		content.skip(16) // assembly, flags, reserved
		return m.addModule(id, content.text(), content.err)
	case e.kind.provider == rundownProvider && e.kind.id == methodDCEndVerbose,
		e.kind.provider == runtimeProvider && e.kind.id == methodLoadVerbose:
		content.skip(8) // ID of the method
		one := method{module: content.u64(), start: content.u64()}
		one.end = one.start + uint64(content.u32())
		content.skip(8) // token, flags
		one.name = methodName(content.text(), content.text(), content.text())
		return m.addMethod(one, content.err)
	}
	return nil
}

func (m *methodNames) addModule(id uint64, file string, err error) error {
	if err != nil {
		return fmt.Errorf("a module: %w", err)
	}
	if m.modules == nil {
		m.modules = map[uint64]string{}
	}
	name := path.Base(file)
	m.modules[id] = printable(strings.TrimSuffix(name, path.Ext(name)))
	return m.grow(len(name))
}

func (m *methodNames) addMethod(one method, err error) error {
	if err != nil {
		return fmt.Errorf("a method: %w", err)
	}
	m.methods = append(m.methods, one)
	return m.grow(len(one.name))
}

func (m *methodNames) grow(size int) error {
	const entry = 64
	if m.bytes += size + entry; m.bytes > mostNameBytes {
		return errors.New("it has too many methods")
	}
	return nil
}

// methodName joins the parts of a name: "Shop.Cart", "Add" and "instance void  (int32)" are "Shop.Cart.Add(int32)".
func methodName(class, name, signature string) string {
	if at := strings.IndexByte(signature, '('); at >= 0 {
		signature = signature[at:]
	} else {
		signature = "()"
	}
	return printable(class + "." + name + signature)
}

// sort makes find possible. No more methods may follow.
func (m *methodNames) sort() {
	slices.SortFunc(m.methods, func(a, b method) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		default:
			return 0
		}
	})
}

// find returns the method at an address, without and with its module; "" if none is known there.
func (m *methodNames) find(address uint64) (name, full string) {
	after, _ := slices.BinarySearchFunc(m.methods, address, func(one method, address uint64) int {
		if one.start <= address {
			return -1
		}
		return 1
	})
	if after == 0 || address >= m.methods[after-1].end {
		return "", ""
	}
	one := m.methods[after-1]
	if module := m.modules[one.module]; module != "" {
		return one.name, module + "!" + one.name
	}
	return one.name, one.name
}
