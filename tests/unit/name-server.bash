# shellcheck shell=bash
# A real BIND on loopback for one test file: zone tsb.test takes updates signed with "good", zone broken.test has no
# file (SERVFAIL). Each test uses names of its own below the zone.

# Starts it; sets NAME_SERVER (HOST:PORT), KEYS (folder of good.key, narrow.key, useless.key, unknown.key and wrong.key).
start_name_server() {
  local dir=$BATS_FILE_TMPDIR/named
  mkdir -p "$dir"
  export KEYS=$dir NAME_SERVER
  local key
  for key in good narrow useless unknown; do tsig-keygen -a hmac-sha256 $key >"$dir/$key.key"; done
  tsig-keygen -a hmac-sha256 good >"$dir/wrong.key"
  chmod 600 "$dir"/*.key
  # Debian's AppArmor profile keeps /usr/sbin/named itself out of every folder but its own.
  cp "$(PATH=$PATH:/usr/sbin:/sbin type -P named)" "$dir/named"
  local attempt
  for attempt in 1 2 3 4 5; do
    NAME_SERVER=127.0.0.1:$((20000 + (RANDOM + attempt) % 12000))
    name_server_files "$dir"
    "$dir/named" -f -4 -n 1 -c "$dir/named.conf" >"$dir/log" 2>&1 3>&- &
    echo $! >"$dir/pid"
    if name_server_answers; then return 0; fi
    stop_name_server
  done
  cat "$dir/log" >&2
  return 1
}

stop_name_server() {
  local pid
  pid=$(cat "$KEYS/pid")
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

name_server_files() {
  local dir=$1
  cat >"$dir/named.conf" <<CONF
include "$dir/good.key";
include "$dir/narrow.key";
include "$dir/useless.key";
controls { };
options {
  directory "$dir"; pid-file none; session-keyfile "$dir/session.key"; managed-keys-directory "$dir";
  listen-on port ${NAME_SERVER#*:} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no;
};
zone "tsb.test" { type primary; notify no; file "$dir/zone"; update-policy {
  grant good zonesub ANY;
  grant narrow name narrow-mp1.tsb.test A AAAA CNAME;
  grant narrow name narrow-active.tsb.test A AAAA CNAME;
}; };
zone "broken.test" { type primary; file "$dir/nothing"; };
CONF
  printf '%s\n' "\$TTL 5" '@ SOA ns hostmaster 1 60 60 60 5' '@ NS ns' 'ns A 127.0.0.1' "id TXT \"$dir\"" \
    'lb A 10.9.9.9' '*.wild CNAME lb' >"$dir/zone"
}

# A port that someone else has is not listened on, without an error: only our own zone's mark proves that it is ours.
# Over TCP: updates go that way, and the same port may be free for UDP only.
name_server_answers() {
  local _
  for _ in {1..40}; do
    if [ "$(resolved id.tsb.test TXT +tcp +tries=1 +time=1)" = "\"$KEYS\"" ]; then return 0; fi
    sleep 0.05
  done
  return 1
}

# What the name server answers for a name, without following: resolved NAME TYPE [dig option…]
resolved() {
  dig "@${NAME_SERVER%:*}" -p "${NAME_SERVER#*:}" +short "$@"
}

# Changes the zone behind our back: zone_update LINE…
zone_update() {
  printf '%s\n' "server ${NAME_SERVER/:/ }" "zone tsb.test." "$@" send | nsupdate -k "$KEYS/good.key"
}

# Rises with every change that the server makes.
zone_serial() {
  resolved tsb.test SOA | cut -d' ' -f3
}
