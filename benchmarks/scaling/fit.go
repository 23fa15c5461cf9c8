package scaling

import (
	"math"
)

// rounding is what the squares of logarithms may add up to where all are the same.
const rounding = 1e-12

// fit is the power law cost = a·n^b that is nearest to what was measured.
type fit struct {
	// exponent is b; standardError is its, NaN with less than three points.
	exponent, standardError float64
	// rSquared is the share of the variance of log cost that the law explains, from 0 to 1.
	rSquared float64
}

// fitPower fits a power law to points of size and cost, at two sizes at least, by least
// squares of log cost on log size: with x = log n and y = log cost, b = Sxy/Sxx, its
// standard error √(SSR/(m-2)/Sxx) of m points, and R² = 1 - SSR/Syy (Draper and Smith,
// Applied Regression Analysis, 3rd ed. 1998, sections 1.2 to 1.4).
func fitPower(points [][2]float64) fit {
	m := float64(len(points))
	var meanX, meanY float64
	for _, p := range points {
		meanX += math.Log(p[0]) / m
		meanY += math.Log(p[1]) / m
	}
	var sxx, sxy, syy float64
	for _, p := range points {
		x, y := math.Log(p[0])-meanX, math.Log(p[1])-meanY
		sxx, sxy, syy = sxx+x*x, sxy+x*y, syy+y*y
	}
	b := sxy / sxx
	ssr := max(0, syy-b*sxy)
	f := fit{exponent: b, standardError: math.NaN(), rSquared: 1}
	if m > 2 {
		f.standardError = math.Sqrt(ssr / (m - 2) / sxx)
	}
	if syy > rounding {
		f.rSquared = 1 - ssr/syy
	}
	return f
}
