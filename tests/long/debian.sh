#!/bin/sh
# The Debian source package: it builds, lintian finds no error, and on a clean system the service's command starts as its own user, with its
# own secret key.

. "$SESAME_SOURCE/tests/tap.sh"
# shellcheck source=../sources.sh
. "$SESAME_SOURCE/tests/sources.sh"

for program in dpkg-buildpackage dh lintian fakeroot; do
	command -v $program >/dev/null || skip_all "$program is not installed"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/sesame.XXXXXX") || bail_out "no temporary folder"
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 129' HUP INT TERM
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR CC
version=$(sed -n 's/^#define SESAME_VERSION "\(.*\)"/\1/p' "$SESAME_SOURCE/lib/sesame.h")
is "$(dpkg-parsechangelog -l "$SESAME_SOURCE/debian/changelog" -S Version)" "$version" "the package has the version of sesame.h"

sources=$work/sesame-$version
copy_sources "$sources" >"$work/log" 2>&1
build_package() {
	cd "$sources" && DEB_BUILD_OPTIONS="parallel=$(nproc)" dpkg-buildpackage -us -uc >"$work/log" 2>&1
}
ok "dpkg-buildpackage builds it" build_package || {
	comment "$(tail -30 "$work/log")"
	tap_done
}
for package in libsesame0 libsesame-dev sesame; do
	ok "there is $package" test -n "$(find "$work" -maxdepth 1 -name "${package}_${version}_*.deb")"
done
ok "and the source" test -e "$work/sesame_$version.dsc"
said=$(lintian --allow-root --fail-on error "$work"/sesame_*.changes 2>&1)
is "$?" 0 "lintian finds no error"
comment "$said"
contents=$(dpkg-deb -c "$work"/libsesame0_*.deb)
like "$contents" 'libsesame\.so\.0\.0\.0$' "libsesame0 has the library"
like "$contents" 'libsesame-fcgi\.so\.0\.0\.0$' "with the accept loop"
contents=$(dpkg-deb -c "$work"/libsesame-dev_*.deb)
for file in include/sesame.h 'lib/.*/libsesame\.a' 'lib/.*/pkgconfig/sesame\.pc' 'share/man/man3/sess_commit\.3\.gz'; do
	like "$contents" "/usr/$file" "libsesame-dev has $file"
done

skip_rest=''
[ "$(id -u)" = 0 ] || skip_rest="root"
command -v debootstrap >/dev/null || skip_rest="debootstrap"
unshare --mount --pid --fork true 2>/dev/null || skip_rest="the right to mount"
if [ -n "$skip_rest" ]; then
	skip "it installs on a clean system" "$skip_rest"
	tap_done
fi
root=$work/root
if ! debootstrap --variant=minbase bookworm "$root" >"$work/log" 2>&1; then
	comment "$(tail -5 "$work/log")"
	skip "it installs on a clean system" "debootstrap cannot make a system in a folder here"
	tap_done
fi
cp "$work"/*.deb "$root/tmp/"

# machine COMMAND...: runs it in the clean system. Processes and mounts that it leaves behind are gone afterwards.
machine() {
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child sh -c '
		root=$1
		shift
		mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/dev/shm" || exit 99
		exec chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' sh "$root" "$@" </dev/null
}

machine sh -c 'apt-get -q install -y --no-install-recommends /tmp/libsesame0_*.deb /tmp/sesame_*.deb' >"$work/log" 2>&1
is "$?" 0 "it installs on a clean system" || comment "$(tail -20 "$work/log")"
is "$(machine sesamectl --version)" "$version" "sesamectl runs there"
unit=$root/usr/lib/systemd/system/session-test.service
[ -e "$unit" ] || unit=$root/lib/systemd/system/session-test.service
command=$(sed -n 's/^ExecStart=//p' "$unit")
user=$(sed -n 's/^User=//p' "$unit")
is "$user" sesame "the service has a user of its own"
is "$(machine stat -c '%U %a' /var/lib/sesame)" "sesame 700" "who owns the folder of keys and sessions alone"

# As systemd does it: the listening socket as standard input, the unit's user and environment. Then a request by FastCGI.
cat >"$root/tmp/serve.pl" <<-'END'
	use Socket;
	my ($command, $user, @environment) = @ARGV;
	my (undef, undef, $uid, $gid) = getpwnam($user) or die "no user $user";
	socket(my $listener, PF_UNIX, SOCK_STREAM, 0) or die $!;
	bind($listener, sockaddr_un("/tmp/socket")) && listen($listener, 16) or die $!;
	my $pid = fork();
	if ($pid == 0) {
		open(STDIN, "<&", $listener) or die $!;
		%ENV = map { split(/=/, $_, 2) } @environment;
		$) = "$gid $gid"; $( = $gid; $< = $> = $uid;
		exec $command or die $!;
	}
	socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!;
	connect($s, sockaddr_un("/tmp/socket")) or die $!;
	my %parameters = (REQUEST_METHOD => "GET", PATH_INFO => "/", SERVER_PROTOCOL => "HTTP/1.1");
	my $parameters = join("", map { chr(length($_)) . chr(length($parameters{$_})) . $_ . $parameters{$_} } keys %parameters);
	sub record { my ($type, $data) = @_; pack("CCnnCC", 1, $type, 1, length($data), 0, 0) . $data }
	syswrite($s, record(1, pack("nCx5", 1, 0)) . record(4, $parameters) . record(4, "") . record(5, ""));
	while (sysread($s, my $data, 65536)) { print $data }
	open(my $status, "<", "/proc/$pid/status");
	print "\n", grep { /^Uid/ } <$status>;
	kill "TERM", $pid;
	waitpid($pid, 0);
	print "status $?\n";
END
settings=$(sed -n 's/^Environment=//p' "$unit" | tr '\n' ' ')
# shellcheck disable=SC2086
said=$(machine perl /tmp/serve.pl "$command" "$user" $settings 2>&1 | tr -d '\000')
like "$said" 'Number of visits: 1' "the service's command serves its page"
uid=$(machine id -u sesame)
like "$said" "^Uid:.$uid.$uid.$uid.$uid\$" "as its own user"
like "$said" '^status 0$' "and stops in order"
is "$(machine stat -c '%U %a' /var/lib/sesame/secret.key)" "sesame 600" "with its own secret key, which it made"
is "$(machine env SESAME_CONF=/etc/sesame/sesame.conf sesamectl list --json | wc -l)" 1 "sesamectl sees the visitor's session"
machine apt-get -q purge -y sesame >"$work/log" 2>&1
is "$?" 0 "it can be purged"
not_ok "and takes keys and sessions with it" test -e "$root/var/lib/sesame"
is "$(cd "$root" && find usr etc -path '*sesame*' ! -path '*libsesame*' -type f)" "" "and all of its files"
tap_done
