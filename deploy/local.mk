# Configuration of web servers, installed as it is to be copied.

nobase_dist_pkgdata_DATA += \
	deploy/lighttpd/cgi.conf \
	deploy/lighttpd/lighttpd.conf \
	deploy/lighttpd/sesame.conf

nobase_dist_pkglibexec_SCRIPTS += deploy/supervise
