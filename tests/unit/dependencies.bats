#!/usr/bin/env bats
# shellcheck disable=SC2154 # bats sets output
# What is installed with the project: exact versions, all of them used, and no program of theirs run by installing them.

load helper

setup() { cd "$ROOT" || return; }

@test "dependencies: exact versions, and every package of the lock file with its hash" {
  run -0 node -p '
    const { dependencies, devDependencies } = JSON.parse(fs.readFileSync("package.json"));
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    const { packages } = JSON.parse(fs.readFileSync("package-lock.json"));
    const bare = Object.entries(packages).filter(([path, { integrity }]) => path && !/^sha512-/.test(integrity));
    [...loose, ...bare].join(" ")'
  is "$output" ""
}

@test "dependencies: installed with their scripts off" {
  run -0 grep -n 'npm ci' Makefile
  run -1 grep -v -- --ignore-scripts <<<"$output"
}

@test "dependencies: every one is imported, or called by its name" {
  local name unused=()
  for name in $(node -p 'const p = JSON.parse(fs.readFileSync("package.json")); Object.keys(p.dependencies).join(" ")'); do
    grep -qrE "from \"$name(/|\")|import\(\"$name\"\)|node_modules/(\.bin/)?$name\b|--import $name\b" lib scripts Makefile || unused+=("$name")
  done
  for name in $(node -p 'const p = JSON.parse(fs.readFileSync("package.json")); Object.keys(p.devDependencies).join(" ")'); do
    case $name in
      # Types of Node and of packages that are used.
      @types/node) ;;
      @types/*) grep -q "\"${name#@types/}\"" package.json || unused+=("$name") ;;
      @biomejs/biome) grep -q '\.bin/biome' tests/run Makefile || unused+=("$name") ;;
      typescript) grep -q '\.bin/tsc' tests/run Makefile || unused+=("$name") ;;
      *) grep -qrE "from \"$name(/|\")|node_modules/(\.bin/)?$name\b" tests Makefile || unused+=("$name") ;;
    esac
  done
  is "${unused[*]}" ""
}
