#!/usr/bin/perl
# The page of bench/ as one writes it for Perl: FCGI, and CGI::Session with files.
use strict;
use warnings;
use CGI::Session;
use FCGI;

my $folder = $ENV{BENCH_FOLDER};
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
	my ($sid) = ($ENV{HTTP_COOKIE} // '') =~ /(?:^|;\s*)sid=([0-9a-f]{32})/;
	my $session = CGI::Session->new('driver:file', $sid, { Directory => $folder }) or die CGI::Session->errstr;
	my $id = $session->id;
	my $visits = ($session->param('visits') // 0) + 1;
	$session->param('visits', $visits);
	$session->flush;
	my $page = <<"HTML";
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Session test, Perl</title></head>
<body>
<p id="session-id">My session id: $id</p>
<p id="visits">Number of visits: $visits</p>
<p id="events">Number of Click Events: 0</p>
<p>This page has no style and no script. It counts a visit, and is for measuring what a session costs: its size is that of the page
that the empty responder gives, some five hundred octets. . . . . . . . . . . . . . .</p>
</body>
</html>
HTML
	my $cookie = defined $sid && $sid eq $id ? '' : "Set-Cookie: sid=$id; Path=/; HttpOnly; SameSite=Lax\r\n";
	print "Content-Type: text/html; charset=utf-8\r\nContent-Length: ", length($page), "\r\n$cookie\r\n$page";
}
