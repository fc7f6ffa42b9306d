# The Debian package of all three programs:
#
#     cmake --build --preset release --target package         build/release/tandem_VERSION_ARCHITECTURE.deb
#
# CPack makes it, since a debian/ of its own would have to stand at the top. What it needs to run is read from the
# programs (dpkg-shlibdeps), so a package is for the release of Debian that it was built on.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tandem)
set(CPACK_PACKAGE_CONTACT "Tandem maintainers <maintainers@tandem.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "highly available BGP route server for virtual networks")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Two or more nodes each run BGP with every network virtual appliance,
replicate their routes to each other, and program the route table of the
virtual network: kernels, virtual machines by an agent, etcd, Azure route
tables. When a node dies, no route is removed and no packet is lost.
.
This package has the node (tandemd), the agent of a host (tandem-agent) and
the command line (tandemctl). Nothing starts before it is configured.")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${CMAKE_CURRENT_LIST_DIR}/postinst;${CMAKE_CURRENT_LIST_DIR}/prerm;${CMAKE_CURRENT_LIST_DIR}/postrm")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)

set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/compress.cmake)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/copyright ${CMAKE_CURRENT_LIST_DIR}/changelog DESTINATION share/doc/tandem)
include(CPack)
