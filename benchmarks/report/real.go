package report

// realHeadlines are about how soon an evicted pod's replacement is ready.
func realHeadlines(r results) []Headline {
	f, has := r.find("replacement", stowage, "ready_s")
	if !has {
		return nil
	}
	return []Headline{{Value: withUnit(f.Value, "s"), What: "from an eviction until a container of the replacement is ready, on a real node"}}
}
