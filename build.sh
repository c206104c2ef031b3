#!/usr/bin/env bash
# All commands of this repository; `./build.sh help` lists them. The machine only needs bash: on Debian and Ubuntu the
# script installs Python, and all other tools come from requirements-dev.lock into .venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly VENV="$PWD/.venv"
readonly PYTHON="$VENV/bin/python"

main() {
  local command="${1:-package}"
  shift || true
  case "$command" in
    help | -h | --help) help ;;
    package | install | test | fuzz | check | audit | format | demo | bench | soak | lab | lock | screenshots | venv)
      ensure_venv
      "run_$command" "$@"
      ;;
    *)
      help >&2
      exit 2
      ;;
  esac
}

help() {
  cat <<'EOF'
./build.sh                   builds plugin zips, project archive, wheel, bill of materials and checksums into dist/
./build.sh package --python 3.12 --arch aarch64
                             the same; the bundled zip starts fastest on this Python version (3.11) and runs on this
                             processor architecture (x86_64)
./build.sh package --project NAME
                             the same; the archive is for this Rundeck project (debug-capture)
./build.sh install --url URL --project NAME --key NAME=SOURCE…
                             installs the archive and secrets through the Rundeck API, and verifies the result
./build.sh demo              starts a lab on this machine and runs a capture in it, from the alert to the note
./build.sh test              runs all checks, then all tests on the lab
./build.sh test unit         runs all checks and the tests that need no lab, on all processors
./build.sh test full         runs all checks, then all tests on the lab with every permutation
./build.sh test modern       starts a virtual machine with cgroup v2, runc and crun, and runs the tests on it
./build.sh test ARGUMENTS…   runs all checks, then pytest with these arguments on the lab
./build.sh fuzz              tries 10,000 inputs for each property; takes long
./build.sh check [--audit]   checks formatting, lint, types, import layers and generated files; audits, too
./build.sh audit             looks for known vulnerabilities in packages; exit code 3: no audit service was reachable
./build.sh format            formats the code
./build.sh bench [NAME…]     runs benchmarks that compare this project with other tools
./build.sh soak [MINUTES]    captures on the lab with random faults (60 minutes), and reports leaked resources
./build.sh lab COMMAND…      runs python -m lab: up, down, status, logs, reset
./build.sh lock              updates requirements*.lock from pyproject.toml
./build.sh screenshots       takes the pictures in docs/pictures from a capture on the lab
./build.sh venv              creates .venv, and does nothing else
EOF
}

# --- the tools -------------------------------------------------------------------------------------------------

ensure_venv() {
  ensure_python
  local key
  key="$(venv_key)"
  exec 9<requirements-dev.lock
  flock 9 # if two builds run at once, the second one waits for .venv
  if [[ "$(cat "$VENV/.key" 2>/dev/null)" != "$key" ]]; then make_venv "$key"; fi
  exec 9<&-
}

ensure_python() {
  if usable_python; then return; fi
  local install="apt-get install --yes --no-install-recommends python3 python3-venv"
  if [[ "$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then
    fail "Python 3.10 or later with venv is needed. As root: $install"
  fi
  say "installing python3 and python3-venv"
  DEBIAN_FRONTEND=noninteractive apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null
  usable_python || fail "python3 is $(python3 --version 2>&1); Python 3.10 or later is needed"
}

usable_python() {
  python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

venv_key() {
  { python3 -c 'import sys; print(sys.version, sys.base_prefix)'; cat requirements-dev.lock; } | sha256sum
}

make_venv() {
  say "creating .venv"
  python3 -m venv --clear "$VENV"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
  local packages
  packages="$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
  echo "$PWD/contents" >"$packages/debugcapture.pth"
  # Without bytecode, each tool compiles its imports at each start. Some test files are invalid on purpose: ignore them.
  "$PYTHON" -m compileall -qq "$packages" || true
  echo "$1" >"$VENV/.key"
}

run_lock() {
  local uv="$PWD/build/uv"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes --upgrade --target "$uv" -r tools/requirements/uv.lock
  compile_lock "$uv" pyproject.toml -o requirements.lock
  compile_lock "$uv" pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
  compile_lock "$uv" benchmarks/baseline.in -o benchmarks/baseline.lock
  compile_lock "$uv" tools/requirements/uv.in -o tools/requirements/uv.lock
  compile_lock "$uv" tools/requirements/audit.in -o tools/requirements/audit.lock
  awk '$1 == "pip" { print $2 }' deploy/toolbox/tools.txt | compile_lock "$uv" - -o deploy/toolbox/requirements.txt
}

compile_lock() {
  local uv="$1"
  shift
  UV_CUSTOM_COMPILE_COMMAND="./build.sh lock" "$uv/bin/uv" pip compile --quiet --universal --python-version 3.10 \
    --generate-hashes --no-emit-index-url --no-emit-find-links "$@"
}

# --- the commands ----------------------------------------------------------------------------------------------

run_package() {
  "$PYTHON" -m tools.generate --check
  PYTHONHASHSEED=0 SOURCE_DATE_EPOCH="$(source_date)" "$PYTHON" -m tools.package "$@"
}

run_install() { exec "$PYTHON" -m tools.install "$@"; }

source_date() {
  if [[ -n "${SOURCE_DATE_EPOCH:-}" ]]; then
    echo "$SOURCE_DATE_EPOCH"
  else
    git log -1 --format=%ct 2>/dev/null || echo 315532800 # 1980-01-01, the earliest time that a zip file can store
  fi
}

run_check() {
  check_statically
  check_structure
  say "checks passed"
  if [[ "${1:-}" == --audit ]]; then audit_where_possible; fi
}

check_statically() {
  local bin="$VENV/bin"
  "$bin/ruff" check --quiet .
  "$bin/ruff" format --quiet --check .
  "$bin/mypy" --no-error-summary
  quiet "$bin/lint-imports"
  "$bin/shellcheck" build.sh .ci/run deploy/toolbox/take.sh contents/debugcapture/kube/scripts/*.sh
  "$PYTHON" -m tools.generate --check
}

check_structure() { quiet "$PYTHON" -m pytest -q -n 0 tests/unit/docs/test_{layout,mirror,names,seams,size,vocabulary}.py; }

run_fuzz() {
  exec "$PYTHON" -m pytest -q -m hypothesis --hypothesis-profile=thorough --numprocesses=auto tests/unit "$@"
}

run_audit() {
  local lock=tools/requirements/audit.lock
  local audit
  audit="$PWD/build/pip-audit-$(sha256sum "$lock" | cut -c1-16)"
  if [[ ! -d "$audit" ]]; then
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes --target "$audit.part" -r "$lock"
    mv "$audit.part" "$audit"
  fi
  PYTHONPATH="$audit" "$PYTHON" -m tools.audit
}

run_format() {
  "$VENV/bin/ruff" format --quiet .
  "$VENV/bin/ruff" check --quiet --fix .
}

run_test() {
  # Without bytecode, each process compiles this package and the rewritten tests again.
  unset PYTHONDONTWRITEBYTECODE
  local checks=(./build.sh check) chosen=(-m "not full")
  case "${1:-}" in
    unit)
      shift
      test_units "$@"
      return
      ;;
    modern)
      shift
      run_check
      test_on_modern_node "$@"
      return
      ;;
    full)
      shift
      chosen=()
      ;;
  esac
  if [[ $# == 0 ]]; then checks+=(--audit); fi
  test_on_lab "${checks[@]}" -- "${chosen[@]}" "$@"
}

# The checks run beside the tests. The tests of check_structure are unit tests, so they run here unless a selection is
# given.
test_units() {
  local output checking failed=0
  output="$(mktemp)"
  if has_fast_shm; then export PYTEST_DEBUG_TEMPROOT=/dev/shm; fi
  {
    check_statically
    if [[ $# != 0 ]]; then check_structure; fi
  } >"$output" 2>&1 &
  checking=$!
  # Unit tests do not use logging; to record it takes time in each test.
  "$PYTHON" -m pytest -q -p no:logging --numprocesses=auto --maxprocesses=8 tests/unit "$@" || failed=$?
  if wait "$checking"; then say "checks passed"; else failed=1; fi
  cat "$output" >&2
  rm "$output"
  return "$failed"
}

# Returns whether /dev/shm can hold the files of the tests. They are small, but there are thousands, and a disk is slow. In
# containers, /dev/shm is often too small, or cannot run programs.
has_fast_shm() {
  local program free_kib usable=0
  program="$(mktemp -p /dev/shm 2>/dev/null)" || return 1
  printf '#!/bin/sh\n' >"$program"
  chmod +x "$program"
  "$program" 2>/dev/null || usable=1
  rm "$program"
  free_kib="$(df -Pk /dev/shm | awk 'END { print $4 }')"
  [[ "$usable" == 0 && "$free_kib" -gt 524288 ]]
}

# Most tests spend their time waiting for the cluster, so more tests than processors run at once. The checks, up to "--",
# run while the lab starts.
test_on_lab() {
  local checks=() at_once=$(($(nproc) * 2))
  while [[ "$1" != -- ]]; do
    checks+=("$1")
    shift
  done
  shift
  "$PYTHON" -m lab.with_lab "${checks[@]}" -- "$PYTHON" -m pytest --numprocesses=$((at_once < 8 ? at_once : 8)) \
    --durations=50 --durations-min=1 "$@"
}

test_on_modern_node() {
  trap '"$PYTHON" -m lab down modern-node' EXIT
  "$PYTHON" -m lab up modern-node
  "$PYTHON" -m pytest --durations=10 --durations-min=1 tests/modern "$@"
}

audit_where_possible() {
  local audited=0
  run_audit || audited=$?
  # 3: no audit service was reachable. The audit has reported that. It is not a failure of the tests.
  if [[ "$audited" != 0 && "$audited" != 3 ]]; then exit "$audited"; fi
}

run_demo() {
  ./build.sh package
  "$PYTHON" -m lab up kubernetes s3 pagerduty rundeck
  exec "$PYTHON" -m lab.demo "dist/kubernetes-debug-capture-$(sed -n 's/^version: //p' plugin.yaml).zip"
}

run_bench() { exec "$PYTHON" -m benchmarks "$@"; }

run_soak() {
  "$PYTHON" -m lab up kubernetes s3
  exec "$PYTHON" -m tests.faults.soak "$@"
}

run_lab() { exec "$PYTHON" -m lab "$@"; }

run_screenshots() {
  "$PYTHON" -m lab up kubernetes s3
  exec "$PYTHON" -m tests.browser.screenshots
}

run_venv() { say "$VENV is ready"; }

# --- messages --------------------------------------------------------------------------------------------------

say() { echo "build.sh: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

quiet() { # shows the output of a command only if it fails
  local output
  if ! output="$("$@" 2>&1)"; then
    echo "$output" >&2
    return 1
  fi
}

main "$@"
