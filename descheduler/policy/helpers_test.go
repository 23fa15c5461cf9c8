package policy_test

const header = "apiVersion: descheduler/v1alpha2\nkind: DeschedulerPolicy\n"

// profilePolicy returns a policy with one profile that enables a plugin.
func profilePolicy(point, plugin, args string) string {
	return header + "profiles:\n- name: p\n  pluginConfig: [{name: " + plugin + ", args: " + args + "}]\n" +
		"  plugins: {" + point + ": {enabled: [" + plugin + "]}}\n"
}

// evictorPolicy returns a policy with arguments of the evictor.
func evictorPolicy(args string) string {
	return header + "profiles:\n- name: p\n  pluginConfig: [{name: DefaultEvictor, args: " + args + "}]\n"
}
