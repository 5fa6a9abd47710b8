#!/usr/bin/env bash
# Runs the same JMS program, unchanged, against a real Apache Artemis of the client's own release:
# what fails there is an error of the program and not of a broker.
#
#   tests/jms/run-peer.sh DIR [ARGUMENTS OF THE PROGRAM…]
#
# DIR is a directory outside the repository; the distribution is fetched into it once. The broker listens on the
# loopback only, and only its own process is ever signalled. RINGMQ_PEER_PORT names another port than 61990;
# RINGMQ_PEER_CLIENT another client than `javax`: `jakarta`, or an older release of the javax client such as 2.6.4.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
[[ $# -ge 1 ]] || { echo "usage: run-peer.sh DIR [ARGUMENTS]" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
version=2.44.0
port=${RINGMQ_PEER_PORT:-61990}
client_kind=${RINGMQ_PEER_CLIENT:-javax}
home=$dir/apache-artemis-$version
instance=$dir/instance-$$
program=$dir/program
log=$dir/broker.log
pid=

skip() {
    echo "skipped: jms peer: $1"
    exit 0
}

# A broker that is killed is meant to be killed: nothing of it is left behind, whatever ends this script.
finish() {
    if [[ -n $pid ]]; then
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$instance"
}
trap finish EXIT
trap 'exit 130' INT TERM

command -v java >/dev/null || skip "no java"
command -v mvn >/dev/null || skip "no mvn"
if [[ ! -x $home/bin/artemis ]]; then
    archive=org.apache.activemq:apache-artemis:$version:tar.gz:bin
    mvn -q -B dependency:copy -Dartifact="$archive" -DoutputDirectory="$dir" >"$dir/fetch.log" 2>&1 ||
        skip "the distribution of Artemis $version cannot be fetched, see $dir/fetch.log"
    tar -xzf "$dir/apache-artemis-$version-bin.tar.gz" -C "$dir"
fi
# The jakarta program is the same sources with the other package name; an older client gets the classes as they are.
build() {
    mvn -q -B -f "$here/pom.xml" "$@" >>"$dir/build.log" 2>&1 || skip "the program cannot be built, see $dir/build.log"
}
: >"$dir/build.log"
lib=$program/lib
case $client_kind in
    javax) build -Dringmq.build="$program" package ;;
    jakarta)
        program=$dir/program-jakarta
        lib=$program/lib
        rm -rf "$program"
        mkdir -p "$program"
        cp -r "$here/src/main/java" "$program/sources"
        find "$program/sources" -name '*.java' -exec sed -i 's/javax\.jms/jakarta.jms/g' {} +
        build -Dringmq.client=artemis-jakarta-client -Dringmq.build="$program" -Dringmq.sources="$program/sources" package
        ;;
    *)
        build -Dringmq.build="$program" package
        lib=$dir/client-$client_kind
        build dependency:copy-dependencies -Dartemis.version="$client_kind" -DincludeScope=runtime -DoutputDirectory="$lib"
        ;;
esac

# A durable journal as Artemis sets it up itself; only CORE, no console; clients log in only where a case wants it.
"$home/bin/artemis" create "$instance" --name peer --user peer --password peer --require-login --silent \
    --nio --no-web --host 127.0.0.1 --default-port "$port" --java-memory 512M \
    --no-hornetq-acceptor --no-mqtt-acceptor --no-amqp-acceptor --no-stomp-acceptor >"$dir/create.log" 2>&1
sed -i 's|<persistence-enabled>|<security-enabled>false</security-enabled>\n      &|' "$instance/etc/broker.xml"

# The users of the security cases, each with its name as its password.
printf '%s = %s\n' all all reader reader writer writer >"$instance/etc/artemis-users.properties"
printf '%s\n' 'amq = all' 'readers = reader' 'writers = writer' >"$instance/etc/artemis-roles.properties"
for grant in send:writers consume:readers browse:readers; do
    sed -i "s|\(<permission type=\"${grant%%:*}\" roles=\"amq\)|\1,${grant#*:}|" "$instance/etc/broker.xml"
done

# Whether clients have to log in, from the next start on.
secured() {
    sed -i "s|<security-enabled>[a-z]*<|<security-enabled>$1<|" "$instance/etc/broker.xml"
}

# AMQ221007 is the line of a broker that is active; its acceptor listens from then on.
start() {
    # Here and not by the background process: the line of an earlier life would be taken for this one's.
    : >"$log"
    "$instance/bin/artemis" run >"$log" 2>&1 &
    pid=$!
    for _ in $(seq 600); do
        if grep -q AMQ221007 "$log"; then
            return 0
        fi
        kill -0 "$pid" 2>/dev/null || { echo "the broker ended while starting, see $log"; return 1; }
        sleep 0.1
    done
    echo "the broker was not ready after 60 s, see $log"
    return 1
}

end() {
    kill "-$1" "$pid"
    wait "$pid" 2>/dev/null || true
    pid=
}

start
# The program asks for the broker's life on its output and reads the answers from its input.
coproc client {
    exec java -XX:TieredStopAtLevel=1 -Xmx512m -cp "$program/classes:$lib/*" ringmq.jms.Main \
        --url "tcp://127.0.0.1:$port" --control "$@"
}
client_pid=$!
exec 3<&"${client[0]}" 4>&"${client[1]}"
while IFS= read -r line <&3; do
    case $line in
        @kill) end KILL; echo ok >&4 ;;
        @stop) end TERM; echo ok >&4 ;;
        @start) if start >"$dir/start.log"; then echo ok >&4; else head -1 "$dir/start.log" >&4; fi ;;
        @users) secured true && echo ok >&4 ;;
        @nobody) secured false && echo ok >&4 ;;
        *) echo "$line" ;;
    esac
done
wait "$client_pid"
