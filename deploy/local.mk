# Configuration of web servers, installed as it is to be copied.

nobase_dist_pkgdata_DATA += \
	deploy/apache/apache.conf \
	deploy/apache/cgi.conf \
	deploy/apache/fcgid.conf \
	deploy/apache/proxy.conf \
	deploy/lighttpd/bin-path.conf \
	deploy/lighttpd/cgi.conf \
	deploy/lighttpd/lighttpd.conf \
	deploy/lighttpd/sesame.conf \
	deploy/nginx/sesame.conf

nobase_dist_pkglibexec_SCRIPTS += deploy/nginx/start deploy/supervise
