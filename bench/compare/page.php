<?php
// The page of bench/ as one writes it for PHP-FPM: the session is a file, locked while the page is made.
session_name('sid');
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
$id = session_id();
$visits = $_SESSION['visits'];
header('Content-Type: text/html; charset=utf-8');
$page = <<<HTML
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Session test, PHP</title></head>
<body>
<p id="session-id">My session id: $id</p>
<p id="visits">Number of visits: $visits</p>
<p id="events">Number of Click Events: 0</p>
<p>This page has no style and no script. It counts a visit, and is for measuring what a session costs: its size is that of the page
that the empty responder gives, some five hundred octets. . . . . . . . . . . . . . .</p>
</body>
</html>

HTML;
header('Content-Length: ' . strlen($page));
echo $page;
