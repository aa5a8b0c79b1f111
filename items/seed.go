package items

// DefaultMenu is what a new database holds: the three items of the NestJS application.
func DefaultMenu() []Item {
	const images = "https://cdn.auth0.com/blog/whatabyte/"
	return []Item{
		{ID: 1, Name: "Burger", Price: 599, Description: "Tasty", Image: images + "burger-sm.png", Version: 1},
		{ID: 2, Name: "Pizza", Price: 299, Description: "Cheesy", Image: images + "pizza-sm.png", Version: 1},
		{ID: 3, Name: "Tea", Price: 199, Description: "Informative", Image: images + "tea-sm.png", Version: 1},
	}
}
