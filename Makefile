# One section for each section of the guide, in its order. Recipes only call scripts. Settings come from .env (or
# ENV_FILE); the make line beats it: make standby STANDBY=mp3

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Through node itself: npx takes three times as long to start.
RUN := node --import tsx
# The same as $(RUN) scripts/$@.ts, but bundled: starts in a quarter of the time. The lab's commands likewise.
STEP = node .build/$@.mjs
LAB = node .build/lab
# Every script needs the packages, installed once without running their install scripts.
PACKAGES := node_modules/.package-lock.json
BUNDLE := .build/made

##@ Before anything

.PHONY: help
help: ## this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z-]*:.*## / {printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: passwords
passwords: $(BUNDLE) ## fill the empty passwords of .env with strong random ones
	$(STEP)

.PHONY: preflight
preflight: $(BUNDLE) ## check tools, clusters, permissions, charts and DNS; every finding at once
	$(STEP)

##@ DNS for each Management Plane instance

.PHONY: dns-plan
dns-plan: $(BUNDLE) ## print the names and records that will be made, and when each becomes known
	$(STEP)

##@ Create a PKI and Issue Certificates

.PHONY: pki
pki: $(BUNDLE) ## one root CA; tsb_certs and xcp-central-cert for every instance
	$(STEP)

##@ Deploy the Active Management Plane instance

.PHONY: active
active: preflight pki active-install active-dns active-login service-account ## all steps for the active, in the guide's order

.PHONY: active-install
active-install: $(BUNDLE) ## install the active with helm, Postgres exposed on port 5432
	$(STEP)

.PHONY: active-dns
active-dns: $(BUNDLE) ## permanent name to the envoy service's address, floating name to the permanent name
	$(STEP)

.PHONY: active-login
active-login: $(BUNDLE) ## log in with tctl through the floating name
	$(STEP)

.PHONY: onboard
onboard: $(BUNDLE) ## onboard control planes: make onboard CLUSTER_NAME=cp1 (or a list: cp1,cp2)
	$(STEP)

.PHONY: service-account
service-account: $(BUNDLE) ## tsb-standby-sa with org-reader, its key kept
	$(STEP)

##@ Install a standby Management Plane instance

.PHONY: standby
standby: preflight pki standby-secrets standby-cert-manager standby-install standby-logs ## all steps for a standby, in the guide's order

.PHONY: standby-secrets
standby-secrets: $(BUNDLE) ## iam-signing-key and tsb-standby-sa from active to standby (EXPORT=file, IMPORT=file)
	$(STEP)

.PHONY: standby-cert-manager
standby-cert-manager: $(BUNDLE) ## install cert-manager on the standby's cluster
	$(STEP)

.PHONY: standby-install
standby-install: $(BUNDLE) ## install the standby with helm; REPLICATION_SETTINGS=file.yaml for the manual mode
	$(STEP)

.PHONY: standby-logs
standby-logs: $(BUNDLE) ## follow the operator's log until the standby synchronises (FOLLOW=1: until interrupted)
	$(STEP)

##@ After the guide

.PHONY: status
status: $(BUNDLE) ## could I fail over now? (WATCH=1, JSON=1, FAIL_WITHIN=days)
	@$(STEP)

.PHONY: switchover
switchover: $(BUNDLE) ## planned role change, nothing lost: make switchover TO=mp2 (UNDO=1 before the promotion)
	$(STEP)

.PHONY: failover
failover: $(BUNDLE) ## the active is dead: make failover TO=mp2 (elsewhere than on a terminal: ALLOW_DATA_LOSS=mp2)
	$(STEP)

.PHONY: rejoin
rejoin: $(BUNDLE) ## an old active that came back becomes a standby: make rejoin MP=mp1 (elsewhere: CONFIRM=mp1)
	$(STEP)

.PHONY: drill
drill: $(BUNDLE) ## switch over to the standby and back, timed, with a report (ROUNDS=2)
	$(STEP)

.PHONY: renew
renew: $(BUNDLE) ## reissue certificates that end within RENEW_BEFORE days (FORCE=1: all) and roll them out
	$(STEP)

.PHONY: rotate-root
rotate-root: $(BUNDLE) ## a new root CA in three phases, one at a run: trust, reissue, retire (PHASE=all: all)
	$(STEP)

.PHONY: upgrade
upgrade: $(BUNDLE) ## bring all instances to TSB_VERSION, standbys first
	$(STEP)

.PHONY: uninstall
uninstall: $(BUNDLE) ## remove an instance: make uninstall MP=mp2
	$(STEP)

.PHONY: runbook
runbook: $(BUNDLE) ## role changes of this pair by hand, as Markdown or FORMAT=html (OUT=file)
	@$(STEP)

.PHONY: support-bundle
support-bundle: $(BUNDLE) ## status, resources, events, operator logs and versions in one file, secrets redacted (OUT=file)
	@$(STEP)

##@ Rehearse it on this machine

.PHONY: demo
demo: $(BUNDLE) ## the whole guide on the rehearsal lab, ending with replicated configuration
	tests/lab/demo

.PHONY: lab-up
lab-up: $(BUNDLE) ## three real control planes, Postgres and DNS on loopback; builds them once
	$(LAB)/up.mjs

.PHONY: lab-env
lab-env: $(BUNDLE) ## print the lab's settings: eval "$(make -s lab-env)"
	@$(LAB)/env.mjs

.PHONY: lab-kill
lab-kill: $(BUNDLE) ## kill a whole site with SIGKILL: make lab-kill MP=mp1
	$(LAB)/control.mjs kill $(MP)

.PHONY: lab-revive
lab-revive: $(BUNDLE) ## bring a killed site back: make lab-revive MP=mp1
	$(LAB)/control.mjs revive $(MP)

.PHONY: lab-down
lab-down: $(BUNDLE) ## end the lab; nothing is left
	$(LAB)/down.mjs

##@ Work on this project

.PHONY: test
test: $(BUNDLE) ## lint, then every test; ends with "N passed, N failed"
	tests/run lint unit acceptance

.PHONY: test-unit
test-unit: $(BUNDLE) ## the tests that need no cluster, in seconds
	tests/run unit

.PHONY: test-acceptance
test-acceptance: $(BUNDLE) ## the tests on the rehearsal lab
	tests/run acceptance

.PHONY: torture
torture: $(BUNDLE) ## kill the whole install at 100 random moments, and see it end as if nothing had been (SEED, ROUNDS)
	$(RUN) tests/torture/torture.ts

.PHONY: bench
bench: $(BUNDLE) ## time our targets beside the guide's commands in bash (ROUNDS, CLUSTERS, OUT=file.json)
	$(RUN) tests/bench/bench.ts

.PHONY: bench-docs
bench-docs: $(PACKAGES) ## the tables and the chart of docs/performance.md, from what make bench wrote (OUT)
	$(RUN) tests/bench/document.ts

.PHONY: lint
lint: $(PACKAGES) ## types, linter and formatter, shellcheck
	tests/run lint

$(PACKAGES): package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	@touch $@

# Each script with all that it uses. The packages among it are CommonJS, and ask for node's own modules by require.
ESBUILD = node_modules/.bin/esbuild --bundle --minify-whitespace --minify-syntax --format=esm --platform=node --target=node20 --out-extension:.js=.mjs --banner:js='import { createRequire as requireBy } from "node:module"; const require = requireBy(import.meta.url);' --log-level=warning

# Each in one file: node takes less time to read that than a dozen small ones.
$(BUNDLE): $(PACKAGES) $(wildcard scripts/*.ts lib/*.ts tests/lab/*.ts)
	@$(ESBUILD) scripts/*.ts --outdir=.build
	@$(ESBUILD) tests/lab/{audit,control,down,env,up}.ts --outdir=.build/lab
	@touch $@

# A step asked for by its own name runs alone. Within `active` and `standby` each waits for those it builds on, so that
# make -j is safe, and runs side by side what can be.
ifneq ($(filter active standby,$(MAKECMDGOALS)),)
active-install: preflight pki
active-dns: active-install
active-login: active-dns
service-account: active-login
standby-secrets: preflight pki $(if $(filter active,$(MAKECMDGOALS)),service-account)
standby-cert-manager: preflight
standby-install: standby-secrets standby-cert-manager
standby-logs: standby-install
endif
